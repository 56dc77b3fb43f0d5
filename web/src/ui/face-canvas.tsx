import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { DrawnFace } from '../face/drawn-face';
import type { States } from '../face/receiver';

interface Props {
  face: DrawnFace;
  states: States;
  label: string;
  describedBy: string;
  onFail: (why: string) => void;
}

/** The face, drawn here from its states. */
export function FaceCanvas({ face, states, label, describedBy, onFail }: Props): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { canvas } = face;
    canvas.className = 'face-video';
    canvas.dataset['testid'] = 'face-canvas';
    place.current?.append(canvas);
    face.start(states, onFail);
    return () => {
      face.stop();
      canvas.remove();
    };
  }, [face, states]);
  return <div ref={place} role="img" aria-label={label} aria-describedby={describedBy} />;
}
