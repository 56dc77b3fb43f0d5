import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { LocalMedia } from '../devices/local-media';
import { strings } from '../strings';

const text = strings.prejoin;

/** Microphone, camera and loudspeaker, where there is something to choose. */
export function DevicePickers({ media }: { media: LocalMedia }): JSX.Element {
  const mic = media.mic.value;
  const cam = media.cam.value;
  const ready = mic !== null;
  return (
    <>
      <Picker
        label={text.microphone}
        media={media}
        kind="audioinput"
        ready={ready}
        chosen={mic?.getSettings().deviceId}
        onPick={(id) => media.startMic(id)}
      />
      {cam && (
        <Picker
          label={text.camera}
          media={media}
          kind="videoinput"
          ready
          chosen={cam.getSettings().deviceId}
          onPick={(id) => media.startCam(id)}
        />
      )}
      {'setSinkId' in HTMLMediaElement.prototype && (
        <Picker
          label={text.speaker}
          media={media}
          kind="audiooutput"
          ready={ready}
          chosen={media.speakerId.value || 'default'}
          onPick={async (id) => media.updateSpeaker(id)}
        />
      )}
    </>
  );
}

interface PickerProps {
  label: string;
  media: LocalMedia;
  kind: MediaDeviceKind;
  /** Devices have names only once permission was given. */
  ready: boolean;
  chosen: string | undefined;
  onPick: (id: string) => Promise<void>;
}

function Picker({ label, media, kind, ready, chosen, onPick }: PickerProps): JSX.Element | null {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const refresh = (): void => void media.list(kind).then(setDevices, () => setDevices([]));
    refresh();
    navigator.mediaDevices?.addEventListener('devicechange', refresh);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', refresh);
  }, [kind, ready]);
  if (!ready || devices.length < 2) return null;
  return (
    <label class="picker">
      <span>{label}</span>
      <select
        value={chosen}
        onChange={(e) => {
          const select = e.currentTarget;
          // A device that does not start leaves the old one in place.
          onPick(select.value).catch(() => (select.value = chosen ?? ''));
        }}
      >
        {devices.map((d, i) => (
          <option key={d.deviceId} value={d.deviceId}>
            {d.label || text.nth(label, i + 1)}
          </option>
        ))}
      </select>
    </label>
  );
}
