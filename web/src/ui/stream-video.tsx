import type { JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';

interface Props {
  stream: MediaStream | null;
  label: string;
  class: string;
  testId?: string;
  describedBy?: string;
  poster?: string | undefined;
  muted?: boolean;
  speakerId?: string;
  /** The browser wants a gesture before it plays sound. */
  onBlocked?: () => void;
  /** Only heard: what is seen lies before it. */
  behind?: boolean;
}

/** A video element that plays a live stream. */
export function StreamVideo(props: Props): JSX.Element {
  const { stream, muted = false, speakerId, onBlocked } = props;
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current;
    if (!video) return;
    video.srcObject = stream;
    if (!stream) {
      video.load(); // back to the poster
      return;
    }
    video.play().catch((e: unknown) => {
      if (e instanceof DOMException && e.name === 'NotAllowedError') onBlocked?.();
    });
  }, [stream]);
  useEffect(() => {
    if (speakerId && ref.current && 'setSinkId' in ref.current) {
      ref.current.setSinkId(speakerId).catch(() => undefined); // unplugged: the default plays
    }
  }, [speakerId]);
  return (
    <video
      ref={ref}
      class={props.class}
      data-testid={props.testId}
      aria-label={props.label}
      aria-describedby={props.describedBy}
      poster={props.poster}
      aria-hidden={props.behind}
      muted={muted}
      disablePictureInPicture={muted}
      autoPlay
      playsInline
    />
  );
}

/** The person's own camera, as in a mirror. */
export function SelfVideo({ track, label }: { track: MediaStreamTrack; label: string }): JSX.Element {
  const stream = useMemo(() => new MediaStream([track]), [track]);
  return <StreamVideo stream={stream} label={label} class="mirror" muted />;
}
