import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Persona } from '../api';
import type { Session } from '../call/session';
import { deviceProblem, micPermission, type DeviceProblem } from '../devices/problems';
import { strings } from '../strings';
import { DevicePickers } from './devices';
import { useLevel } from './hooks';
import { CameraIcon, MicIcon } from './icons';
import { SelfVideo } from './stream-video';

const text = strings.prejoin;

/** Whether the microphone was asked for, and what came of it. */
type Ask = 'not-yet' | 'asking' | DeviceProblem | 'granted';

interface Props {
  session: Session;
  persona: Persona | null;
  /** The server was asked and has not answered. */
  waiting: boolean;
}

export function PreJoin({ session, persona, waiting }: Props): JSX.Element {
  const media = session.media;
  const [ask, setAsk] = useState<Ask>(media.mic.value ? 'granted' : 'not-yet');
  const problem = ask !== 'not-yet' && ask !== 'asking' && ask !== 'granted' ? ask : null;

  const startMic = async (): Promise<boolean> => {
    setAsk('asking');
    try {
      await media.startMic();
      setAsk('granted');
      return true;
    } catch (e) {
      setAsk(deviceProblem(e));
      return false;
    }
  };

  useEffect(() => {
    if (media.mic.value) return;
    if (!isSecureContext) setAsk('insecure');
    else {
      // Ask of one's own accord only where the answer is known.
      void micPermission().then((known) => {
        if (known === 'granted') void startMic();
        else if (known === 'denied') setAsk('denied');
      });
    }
  }, []);

  const join = async (): Promise<void> => {
    if (problem || media.mic.value || (await startMic())) await session.join();
  };
  const joinWriting = (): void => {
    media.stopAll();
    void session.join();
  };

  return (
    <main class="prejoin" data-testid="prejoin">
      <Host persona={persona} waiting={waiting} />

      <section class="card setup" aria-labelledby="setup-title">
        <h2 id="setup-title">{text.before}</h2>

        {problem ? (
          <MicHelp problem={problem} retry={() => void startMic()} />
        ) : media.mic.value ? (
          <Level track={media.mic.value} />
        ) : (
          <div class="device">
            <MicIcon />
            <div>
              <h3>{text.microphone}</h3>
              <p class="hint">{ask === 'asking' ? text.micAsking : text.micAsk}</p>
            </div>
            <button
              type="button"
              class="small"
              disabled={ask === 'asking'}
              onClick={() => void startMic()}
            >
              {text.micAllow}
            </button>
          </div>
        )}

        <Camera session={session} />
        <DevicePickers media={media} />

        <div class="go">
          <button
            type="button"
            class="primary"
            data-testid="join-button"
            disabled={persona === null}
            onClick={() => void join()}
          >
            {problem ? text.joinText : text.join}
          </button>
          {problem ? (
            <p class="hint">{text.textNote(persona?.name ?? strings.product)}</p>
          ) : (
            <button
              type="button"
              class="link"
              data-testid="join-text-button"
              disabled={persona === null}
              onClick={joinWriting}
            >
              {text.textInstead}
            </button>
          )}
        </div>
      </section>
    </main>
  );
}

function Host({ persona, waiting }: { persona: Persona | null; waiting: boolean }): JSX.Element {
  return (
    <section class="card host" aria-labelledby="host-title">
      <div class="portrait">
        {persona && (
          <img src={persona.replica.portrait_url} alt={`${persona.name}, ${strings.ai}`} />
        )}
        <span class="badge">{strings.ai}</span>
      </div>
      <div class="who">
        <h1 id="host-title">{persona ? text.title(persona.name) : text.loading}</h1>
        <p class="role">{persona?.role ?? (waiting ? text.waiting : ' ')}</p>
        <p class="notice">{persona?.notice || strings.aiLong}</p>
      </div>
    </section>
  );
}

function MicHelp({ problem, retry }: { problem: DeviceProblem; retry: () => void }): JSX.Element {
  const help = strings.permission[problem];
  return (
    <div class="help" role="alert" data-testid="mic-help">
      <h3>{help.title}</h3>
      <p>{help.help}</p>
      {problem !== 'insecure' && (
        <button type="button" class="small" onClick={retry}>
          {strings.permission.retry}
        </button>
      )}
    </div>
  );
}

/** Loudness above which a voice, not the room, is in the microphone. */
const HEARD = 0.45;

function Level({ track }: { track: MediaStreamTrack }): JSX.Element {
  const [heard, setHeard] = useState(false);
  const bar = useLevel<HTMLDivElement>(track, (level) => level > HEARD && setHeard(true));
  return (
    <div class="device">
      <MicIcon />
      <div>
        <h3>{text.microphone}</h3>
        <div ref={bar} class="level" role="img" aria-label={text.level} />
        <p class="hint" role="status">
          {heard ? text.heard : text.say}
        </p>
      </div>
    </div>
  );
}

function Camera({ session }: { session: Session }): JSX.Element {
  const media = session.media;
  const cam = media.cam.value;
  const [problem, setProblem] = useState<DeviceProblem | null>(null);
  const toggle = (): void => {
    setProblem(null);
    if (cam) media.stopCam();
    else media.startCam().catch((e: unknown) => setProblem(deviceProblem(e)));
  };
  return (
    <div class="device camera">
      {cam ? (
        <div class="preview">
          <SelfVideo track={cam} label={strings.call.selfView} />
        </div>
      ) : (
        <CameraIcon off />
      )}
      <div>
        <h3>{cam ? text.camera : text.cameraOff}</h3>
        <p class="hint" role={problem ? 'alert' : undefined}>
          {problem ? strings.cameraProblem[problem] : text.cameraNote}
        </p>
      </div>
      <button
        type="button"
        class="small"
        data-testid="camera-button"
        aria-label={cam ? text.cameraTurnOff : text.cameraTurnOn}
        onClick={toggle}
      >
        {cam ? text.turnCameraOff : text.turnCameraOn}
      </button>
    </div>
  );
}
