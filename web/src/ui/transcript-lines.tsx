import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Line } from '../call/transcript';
import { strings } from '../strings';

interface Props {
  lines: Line[];
  name: string;
  /** Keep the newest line in view. */
  follow?: boolean;
}

export function TranscriptLines({ lines, name, follow = false }: Props): JSX.Element {
  const end = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (follow) end.current?.scrollIntoView({ block: 'end' });
  }, [lines, follow]);
  if (lines.length === 0) return <p class="empty">{strings.call.emptyTranscript}</p>;
  return (
    <ol class="lines" data-testid="transcript">
      {lines.map((l, i) => (
        <li key={`${l.who}${l.at}`} class={`${l.who} ${l.open ? 'open' : ''}`} ref={i === lines.length - 1 ? end : null}>
          <b>{l.who === 'face' ? name : strings.call.you}</b>
          <span>{l.text}</span>
        </li>
      ))}
    </ol>
  );
}
