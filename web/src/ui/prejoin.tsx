import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Persona } from '../api';
import { join, media } from '../call/session';
import { micProblem, type MicProblem } from '../devices/local-media';
import { meter } from '../devices/meter';
import { strings } from '../strings';
import { CameraIcon } from './icons';
import { StreamVideo } from './stream-video';

type MicState = { kind: 'asking' } | { kind: 'on'; track: MediaStreamTrack } | { kind: 'off'; problem: MicProblem };

export function PreJoin({ persona }: { persona: Persona | null }): JSX.Element {
  const [mic, setMic] = useState<MicState>({ kind: 'asking' });
  const [camera, setCamera] = useState<MediaStreamTrack | null>(media.camTrack);
  const text = strings.prejoin;

  const startMic = (id?: string): void => {
    setMic({ kind: 'asking' });
    media
      .startMic(id)
      .then((track) => setMic({ kind: 'on', track }))
      .catch((e: unknown) => setMic({ kind: 'off', problem: micProblem(e) }));
  };
  useEffect(() => startMic(media.chosen.mic), []);

  const startCamera = (id?: string): void => {
    media.startCam(id).then(setCamera).catch(() => setCamera(null));
  };

  return (
    <main class="prejoin" data-testid="prejoin">
      <section class="card host">
        <div class="portrait">
          {persona && <img src={persona.replica.portrait_url} alt={`${persona.name}, ${strings.ai}`} />}
          <span class="badge">{strings.ai}</span>
        </div>
        <div class="who">
          <h1>{persona ? text.title(persona.name) : text.loading}</h1>
          {persona && <p class="role">{persona.role}</p>}
          <p class="notice">{persona?.notice ?? strings.aiLong}</p>
        </div>
      </section>

      <section class="card devices" aria-label={`${text.microphone}, ${text.camera}`}>
        <div class="preview">
          {camera ? (
            <StreamVideo stream={new MediaStream([camera])} label={strings.call.selfView} muted class="mirror" />
          ) : (
            <div class="off">
              <CameraIcon off />
              <p>{text.cameraOff}</p>
            </div>
          )}
          <button
            type="button"
            class="small"
            aria-pressed={camera !== null}
            onClick={() => {
              if (camera) {
                media.stopCam();
                setCamera(null);
              } else startCamera();
            }}
          >
            {camera ? text.turnCameraOff : text.turnCameraOn}
          </button>
        </div>
        <p class="hint">{text.cameraNote}</p>

        {mic.kind === 'off' ? (
          <MicHelp problem={mic.problem} retry={() => startMic()} />
        ) : (
          <Level track={mic.kind === 'on' ? mic.track : null} />
        )}

        <Picker label={text.microphone} kind="audioinput" ready={mic.kind === 'on'} onPick={startMic} />
        {camera && <Picker label={text.camera} kind="videoinput" ready onPick={startCamera} />}
        <Picker label={text.speaker} kind="audiooutput" ready={mic.kind === 'on'} onPick={(id) => media.updateSpeaker(id)} />

        <button
          type="button"
          class="primary"
          data-testid="join-button"
          disabled={mic.kind === 'asking' || persona === null}
          onClick={() => void join()}
        >
          {mic.kind === 'off' ? text.joinText : text.join}
        </button>
      </section>
    </main>
  );
}

function MicHelp({ problem, retry }: { problem: MicProblem; retry: () => void }): JSX.Element {
  const help = strings.permission[problem];
  return (
    <div class="help" role="alert" data-testid="mic-help">
      <strong>{help.title}</strong>
      <p>{help.help}</p>
      <button type="button" class="small" onClick={retry}>
        {strings.permission.retry}
      </button>
    </div>
  );
}

function Level({ track }: { track: MediaStreamTrack | null }): JSX.Element {
  const [level, setLevel] = useState(0);
  useEffect(() => (track ? meter(track, setLevel) : undefined), [track]);
  return (
    <div class="level">
      <span id="level-label">{strings.prejoin.level}</span>
      <meter min={0} max={1} value={level} aria-labelledby="level-label" style={{ '--level': level }} />
      <span class="hint">{strings.prejoin.say}</span>
    </div>
  );
}

interface PickerProps {
  label: string;
  kind: MediaDeviceKind;
  /** Devices have names only once permission was given. */
  ready: boolean;
  onPick: (id: string) => void;
}

function Picker({ label, kind, ready, onPick }: PickerProps): JSX.Element | null {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const refresh = (): void => void media.list(kind).then(setDevices);
    refresh();
    navigator.mediaDevices?.addEventListener('devicechange', refresh);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', refresh);
  }, [kind, ready]);
  if (devices.length < 2) return null;
  return (
    <label class="picker">
      <span>{label}</span>
      <select onChange={(e) => onPick(e.currentTarget.value)}>
        {devices.map((d) => (
          <option key={d.deviceId} value={d.deviceId}>
            {d.label || strings.prejoin.defaultDevice}
          </option>
        ))}
      </select>
    </label>
  );
}
