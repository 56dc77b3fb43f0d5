import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Line } from '../call/transcript';
import { strings } from '../strings';

interface Props {
  lines: Line[];
  name: string;
  /** Keep the newest line in view, and read settled lines out. */
  live?: boolean;
}

export function TranscriptLines({ lines, name, live = false }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  // Follow the talk, unless the person has scrolled back to read.
  const follows = useRef(true);
  useEffect(() => {
    if (live && follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, live]);
  return (
    <div
      ref={box}
      class="scroll"
      data-testid="transcript"
      role={live ? 'log' : 'group'}
      aria-label={strings.call.transcript}
      tabIndex={0}
      onScroll={(e) => {
        const b = e.currentTarget;
        follows.current = b.scrollHeight - b.scrollTop - b.clientHeight < 40;
      }}
    >
      {lines.length === 0 && <p class="empty">{strings.call.emptyTranscript}</p>}
      <ol class="lines">
        {lines.map((l, i) => (
          <Entry key={i} line={l} name={name} />
        ))}
      </ol>
    </div>
  );
}

function Entry({ line: l, name }: { line: Line; name: string }): JSX.Element {
  if (l.who === 'note') return <li class="note">{l.text}</li>;
  return (
    // A line still being said is not read out word by word; it is when it is done.
    <li class={l.who} aria-hidden={l.open}>
      <b>{l.who === 'face' ? name : strings.call.you}</b>
      <span>
        {l.text}
        {l.interim && <i class="interim"> {l.interim}</i>}
        {l.interrupted && <i class="cut"> — {strings.call.interrupted}</i>}
      </span>
    </li>
  );
}
