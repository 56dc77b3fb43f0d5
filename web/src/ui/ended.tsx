import type { JSX } from 'preact';
import type { Persona } from '../api';
import type { Session } from '../call/session';
import type { EndReason } from '../call/state';
import { asJson, asText } from '../call/transcript';
import { duration, strings } from '../strings';
import { useHeadingFocus } from './hooks';
import { TranscriptLines } from './transcript-lines';

const text = strings.ended;

interface Props {
  session: Session;
  persona: Persona | null;
}

export function Ended({ session, persona }: Props): JSX.Element {
  const { startedAt, endedAt, endReason, lines } = session.state.value;
  const heading = useHeadingFocus();
  const name = persona?.name ?? strings.product;
  const seconds = startedAt && endedAt ? (endedAt - startedAt) / 1000 : 0;
  const stamp = new Date(startedAt ?? Date.now()).toISOString().slice(0, 16).replace(':', '');
  const file = (extension: string): string => `visavis-${stamp}.${extension}`;
  return (
    <main class="after" data-testid="ended">
      <section class="card">
        <h1 ref={heading} tabIndex={-1}>
          {text.title}
        </h1>
        <p data-testid="end-reason">
          {reason(endReason ?? 'you', name)}
          {seconds >= 1 && ` ${text.duration(duration(seconds))}`}
        </p>
        <button
          type="button"
          class="primary"
          data-testid="rejoin-button"
          onClick={() => session.back()}
        >
          {text.rejoin}
        </button>
      </section>

      <section class="card record" aria-labelledby="record-title">
        <h2 id="record-title">{text.transcript}</h2>
        {lines.length > 0 ? (
          <>
            <TranscriptLines lines={lines} name={name} />
            <div class="row">
              <button
                type="button"
                class="small"
                data-testid="download-txt"
                onClick={() =>
                  save(file('txt'), 'text/plain', asText(lines, name, strings.call.you))
                }
              >
                {text.downloadText}
              </button>
              <button
                type="button"
                class="small"
                data-testid="download-json"
                onClick={() => save(file('json'), 'application/json', asJson(lines, name))}
              >
                {text.downloadJson}
              </button>
            </div>
            <p class="hint">{text.kept}</p>
          </>
        ) : (
          <p class="hint">{text.nothing}</p>
        )}
      </section>
    </main>
  );
}

function reason(why: EndReason, name: string): string {
  return why === 'hangup' ? text.hangup(name) : text[why];
}

function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
