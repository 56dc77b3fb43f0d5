import type { JSX } from 'preact';
import { captionTail, type Line } from '../call/transcript';
import { strings } from '../strings';

/** Live captions: the newest turn, and the question it answers. */
export function Captions({ lines, name }: { lines: Line[]; name: string }): JSX.Element {
  return (
    // Whoever cannot see them has the sound, or the transcript, which is read out line by line.
    <div class="captions" aria-hidden="true">
      {captioned(lines).map((l) => (
        <p
          key={`${l.who}${l.at}`}
          class={l.who}
          data-testid={l.who === 'face' ? 'caption-bot' : 'caption-user'}
        >
          <b>{l.who === 'face' ? name : strings.call.you}</b>
          <span>
            {captionTail(l.text)}
            {l.interim && <i class="interim"> {captionTail(l.interim)}</i>}
            {l.interrupted && ' —'}
          </span>
        </p>
      ))}
    </div>
  );
}

/** The last line, and the user's line before it when the face is answering that. */
export function captioned(lines: Line[]): Line[] {
  const said = lines.filter((l) => l.who !== 'note');
  const last = said.at(-1);
  const before = said.at(-2);
  if (!last) return [];
  return last.who === 'face' && before?.who === 'user' ? [before, last] : [last];
}
