import type { JSX } from 'preact';
import type { Persona } from '../api';
import { back } from '../call/session';
import type { CallState, Problem } from '../call/state';
import { asJson, asText } from '../call/transcript';
import { duration, strings } from '../strings';
import { TranscriptLines } from './transcript-lines';

const text = strings.ended;

export function Ended({ state, persona }: { state: CallState; persona: Persona | null }): JSX.Element {
  const name = persona?.name ?? strings.product;
  const seconds = state.startedAt && state.endedAt ? (state.endedAt - state.startedAt) / 1000 : 0;
  const stamp = new Date(state.startedAt ?? Date.now()).toISOString().slice(0, 16).replace(':', '-');
  return (
    <main class="ended" data-testid="ended">
      <section class="card">
        <h1>{text.title}</h1>
        <p role="status">
          {text[state.endReason ?? 'you']} {seconds > 0 && text.duration(duration(seconds))}
        </p>
        <button type="button" class="primary" data-testid="rejoin-button" onClick={back} autofocus>
          {text.rejoin}
        </button>
        {state.lines.length > 0 ? (
          <>
            <TranscriptLines lines={state.lines} name={name} />
            <div class="row">
              <button type="button" class="small" onClick={() => save(`visavis-${stamp}.txt`, 'text/plain', asText(state.lines, name, strings.call.you))}>
                {text.downloadText}
              </button>
              <button type="button" class="small" onClick={() => save(`visavis-${stamp}.json`, 'application/json', asJson(state.lines, name))}>
                {text.downloadJson}
              </button>
            </div>
          </>
        ) : (
          <p class="hint">{text.nothing}</p>
        )}
      </section>
    </main>
  );
}

export function ProblemScreen({ problem, retry }: { problem: Problem; retry: () => void }): JSX.Element {
  const words = strings.error[problem];
  return (
    <main class="ended" data-testid="error">
      <section class="card" role="alert">
        <h1>{words.title}</h1>
        <p>{words.help}</p>
        <div class="row">
          <button type="button" class="primary" onClick={retry} autofocus>
            {strings.error.retry}
          </button>
          <button type="button" class="small" onClick={back}>
            {strings.error.back}
          </button>
        </div>
      </section>
    </main>
  );
}

function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
