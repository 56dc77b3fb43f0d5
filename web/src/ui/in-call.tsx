import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Persona } from '../api';
import { call, faceStream, hangUp, media, micOn, sendText, setMic } from '../call/session';
import type { CallState } from '../call/state';
import { strings } from '../strings';
import { BarsIcon, CameraIcon, CaptionsIcon, CloseIcon, HangUpIcon, HelpIcon, MicIcon, SendIcon, TranscriptIcon } from './icons';
import { StreamVideo } from './stream-video';
import { TranscriptLines } from './transcript-lines';

type Panel = 'none' | 'transcript' | 'help';

const text = strings.call;

export function InCall({ persona }: { persona: Persona | null }): JSX.Element {
  const state = call.value;
  const [panel, setPanel] = useState<Panel>('none');
  const [captions, setCaptions] = useState(true);
  const [camera, setCamera] = useState<MediaStreamTrack | null>(media.camTrack);
  const [blocked, setBlocked] = useState(false);
  const hasMic = media.micTrack !== null;
  const toggle = (which: Panel): void => setPanel((p) => (p === which ? 'none' : which));
  const toggleMic = (): void => setMic(!micOn.value);
  const toggleCamera = (): void => {
    if (camera) {
      media.stopCam();
      setCamera(null);
    } else media.startCam(media.chosen.cam).then(setCamera).catch(() => setCamera(null));
  };

  useShortcuts({
    m: toggleMic,
    v: toggleCamera,
    c: () => setCaptions((on) => !on),
    t: () => toggle('transcript'),
    '?': () => toggle('help'),
    escape: () => setPanel('none'),
  });

  const name = persona?.name ?? strings.product;
  return (
    <main class={`call ${panel === 'transcript' ? 'with-drawer' : ''}`} data-testid="call">
      <h1 class="sr-only">{text.connecting(name).replace('…', '')}</h1>
      <div class="stage">
        <StreamVideo
          stream={faceStream.value}
          label={`${name}, ${strings.ai}`}
          testId="face-video"
          class="face"
          speakerId={media.chosen.speaker}
          onBlocked={() => setBlocked(true)}
        />
        <TopBar state={state} name={name} />
        {state.phase !== 'connected' && (
          <p class="veil" role="status">
            <span class="spinner" aria-hidden="true" />
            {state.phase === 'connecting' ? text.connecting(name) : text.reconnecting}
          </p>
        )}
        {blocked && (
          <button
            type="button"
            class="veil primary"
            onClick={() => {
              setBlocked(false);
              void document.querySelector<HTMLVideoElement>('video.face')?.play();
            }}
          >
            {text.play}
          </button>
        )}
        {camera && (
          <div class="self">
            <StreamVideo stream={new MediaStream([camera])} label={text.selfView} muted class="mirror" />
          </div>
        )}
        {state.notice && (
          <p class="toast" role="alert">
            {state.notice}
          </p>
        )}
        {captions && <Captions state={state} name={name} />}
        {!micOn.value && hasMic && <p class="muted-note">{text.muted}</p>}
      </div>

      <footer class="controls">
        <div class="buttons" role="toolbar" aria-label={name}>
          <Toggle label={micOn.value ? text.mute : text.unmute} off={!micOn.value || !hasMic} disabled={!hasMic} testId="mute-button" onClick={toggleMic}>
            <MicIcon off={!micOn.value || !hasMic} />
          </Toggle>
          <Toggle label={camera ? text.cameraOff : text.cameraOn} off={!camera} testId="camera-button" onClick={toggleCamera}>
            <CameraIcon off={!camera} />
          </Toggle>
          <Toggle label={captions ? text.captionsOff : text.captionsOn} off={!captions} testId="captions-button" onClick={() => setCaptions(!captions)}>
            <CaptionsIcon off={!captions} />
          </Toggle>
          <Toggle label={text.transcript} pressed={panel === 'transcript'} testId="transcript-button" onClick={() => toggle('transcript')}>
            <TranscriptIcon />
          </Toggle>
          <Toggle label={text.help} pressed={panel === 'help'} onClick={() => toggle('help')}>
            <HelpIcon />
          </Toggle>
          <button type="button" class="icon hangup" data-testid="hangup-button" aria-label={text.hangUp} title={text.hangUp} onClick={() => void hangUp()}>
            <HangUpIcon />
          </button>
        </div>
        <TextInput />
      </footer>

      {panel === 'transcript' && (
        <aside class="drawer" aria-label={text.transcript}>
          <header>
            <h2>{text.transcript}</h2>
            <button type="button" class="icon quiet" aria-label={text.closeTranscript} onClick={() => setPanel('none')}>
              <CloseIcon />
            </button>
          </header>
          <TranscriptLines lines={state.lines} name={name} follow />
        </aside>
      )}
      {panel === 'help' && (
        <aside class="popover" aria-label={text.help}>
          <h2>{text.help}</h2>
          <dl>
            {text.shortcuts.map(([key, what]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </aside>
      )}
    </main>
  );
}

function TopBar({ state, name }: { state: CallState; name: string }): JSX.Element {
  const bars = { unknown: 0, poor: 1, fair: 2, good: 3 } as const;
  return (
    <header class="topbar">
      <span class="chip">
        {name}
        <span class="badge" title={strings.aiLong}>
          {strings.ai}
        </span>
      </span>
      <span class="chip mode" role="status" aria-live="polite" data-mode={state.mode}>
        <span class="dot" aria-hidden="true" />
        {state.phase === 'connected' ? text[state.mode] : ''}
      </span>
      <span class="chip end">
        {state.latency !== null && (
          <span data-testid="latency" title={text.replyHelp}>
            {text.reply(state.latency)}
          </span>
        )}
        <span class={`quality ${state.quality}`} title={text.quality[state.quality]}>
          <BarsIcon bars={bars[state.quality]} />
          <span class="sr-only">{text.quality[state.quality]}</span>
        </span>
      </span>
    </header>
  );
}

function Captions({ state, name }: { state: CallState; name: string }): JSX.Element {
  const user = state.lines.findLast((l) => l.who === 'user');
  const face = state.lines.findLast((l) => l.who === 'face');
  const newest = state.lines.at(-1);
  // The latest of either side; the other one's last line stays only while it is being said.
  const shown = state.lines.slice(-2).filter((l) => l === newest || l.open || l.who === 'user');
  return (
    <div class="captions" lang="en">
      {shown.map((l) => (
        <p
          key={`${l.who}${l.at}`}
          class={`${l.who} ${l.open ? 'open' : ''}`}
          data-testid={l === face ? 'caption-bot' : l === user ? 'caption-user' : undefined}
        >
          <b>{l.who === 'face' ? name : text.you}</b> {l.text}
        </p>
      ))}
    </div>
  );
}

interface ToggleProps {
  label: string;
  off?: boolean;
  pressed?: boolean;
  disabled?: boolean;
  testId?: string;
  onClick: () => void;
  children: ComponentChildren;
}

function Toggle({ label, off = false, pressed, disabled = false, testId, onClick, children }: ToggleProps): JSX.Element {
  return (
    <button
      type="button"
      class={`icon ${off ? 'is-off' : ''} ${pressed ? 'is-on' : ''}`}
      aria-label={label}
      aria-pressed={pressed}
      title={label}
      disabled={disabled}
      data-testid={testId}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

function TextInput(): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="text-input"
      onSubmit={(e) => {
        e.preventDefault();
        if (!input.current) return;
        sendText(input.current.value);
        input.current.value = '';
      }}
    >
      <input ref={input} type="text" maxLength={1000} autocomplete="off" placeholder={text.textPlaceholder} aria-label={text.textPlaceholder} data-testid="text-input" />
      <button type="submit" class="icon quiet" aria-label={text.send} title={text.send} data-testid="text-send">
        <SendIcon />
      </button>
    </form>
  );
}

/** Single keys, as long as nobody is typing. */
function useShortcuts(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const typing = e.target instanceof HTMLElement && e.target.closest('input, textarea, select');
      if (typing && e.key !== 'Escape') return;
      const action = latest.current[e.key.toLowerCase()];
      if (!action) return;
      e.preventDefault();
      action();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
