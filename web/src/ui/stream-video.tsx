import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props {
  stream: MediaStream | null;
  label: string;
  testId?: string;
  class?: string;
  muted?: boolean;
  speakerId?: string;
  onBlocked?: () => void;
}

/** A video element that plays a live stream. */
export function StreamVideo({ stream, label, testId, muted = false, speakerId, onBlocked, ...rest }: Props): JSX.Element {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current;
    if (!video) return;
    video.srcObject = stream;
    if (!stream) return;
    video.play().catch((e: unknown) => {
      if (e instanceof DOMException && e.name === 'NotAllowedError') onBlocked?.();
    });
  }, [stream]);
  useEffect(() => {
    const video = ref.current as (HTMLVideoElement & { setSinkId?: (id: string) => Promise<void> }) | null;
    if (speakerId && video?.setSinkId) void video.setSinkId(speakerId).catch(() => undefined);
  }, [speakerId]);
  return <video ref={ref} class={rest.class} data-testid={testId} aria-label={label} muted={muted} autoPlay playsInline />;
}
