import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Persona } from '../api';
import { RETRY_PAUSES, type Session } from '../call/session';
import type { CallState } from '../call/state';
import { clock, strings } from '../strings';
import { announce } from './announce';
import { Captions } from './captions';
import { Controls } from './controls';
import { FaceCanvas } from './face-canvas';
import { useHeadingFocus, useNow, useRemembered, useShortcuts } from './hooks';
import { BarsIcon, CloseIcon } from './icons';
import { Settings } from './settings';
import { SelfVideo, StreamVideo } from './stream-video';
import { TranscriptLines } from './transcript-lines';

export type Panel = 'none' | 'transcript' | 'settings';

const text = strings.call;

export function InCall({
  session,
  persona,
}: {
  session: Session;
  persona: Persona | null;
}): JSX.Element {
  const state = session.state.value;
  const media = session.media;
  const drawn = session.drawn.value;
  const name = persona?.name ?? strings.product;
  const heading = useHeadingFocus();
  const [panel, setPanel] = useState<Panel>('none');
  const [captions, setCaptions] = useRemembered('captions', true);
  const [shortcuts, setShortcuts] = useRemembered('shortcuts', true);
  const [blocked, setBlocked] = useState(false);
  const call = useRef<HTMLElement>(null);

  const toggle = (which: Panel): void => setPanel((p) => (p === which ? 'none' : which));
  const toggleMic = (): void => {
    const on = !(media.micOn.value && media.mic.value);
    session.setMic(on).then(
      () => announce(on ? text.unmuted : text.muted),
      () => session.dispatch({ type: 'notice', text: text.noMic }),
    );
  };
  const toggleCamera = (): void => {
    if (media.cam.value) media.stopCam();
    else {
      media
        .startCam()
        .catch(() => session.dispatch({ type: 'notice', text: strings.cameraProblem.unknown }));
    }
  };
  const toggleCaptions = (): void => {
    setCaptions(!captions);
    announce(captions ? text.captionsOff : text.captionsOn);
  };

  useShortcuts(
    {
      m: toggleMic,
      v: toggleCamera,
      c: toggleCaptions,
      t: () => toggle('transcript'),
      s: () => announce(text.modeOf(name, text.mode[state.mode])),
      '/': () => call.current?.querySelector<HTMLInputElement>('.text-input input')?.focus(),
      '?': () => toggle('settings'),
      escape: () => setPanel('none'),
    },
    shortcuts,
  );
  useEffect(() => {
    if (state.phase === 'connected') announce(text.connected(name));
  }, [state.phase]);

  return (
    <main
      ref={call}
      class="call"
      data-panel={panel}
      data-phase={state.phase}
      data-testid="call"
    >
      <h1 class="sr-only" ref={heading} tabIndex={-1}>
        {text.title(name)}
      </h1>
      <section class="stage" data-mode={state.mode} aria-label={name}>
        <StreamVideo
          stream={session.face.value}
          label={`${name}, ${strings.ai}`}
          describedBy="face-mode"
          testId="face-video"
          class="face-video"
          poster={persona?.replica.portrait_url}
          speakerId={media.speakerId.value}
          onBlocked={() => setBlocked(true)}
          behind={drawn !== null}
        />
        {drawn && (
          <FaceCanvas
            face={drawn.face}
            states={drawn.states}
            label={`${name}, ${strings.ai}`}
            describedBy="face-mode"
            onFail={() => session.drawThere()}
          />
        )}
        <TopBar state={state} name={name} />
        {state.phase !== 'connected' && <Veil state={state} name={name} />}
        {blocked && state.phase === 'connected' && (
          <button
            type="button"
            class="primary unblock"
            onClick={() => {
              setBlocked(false);
              void call.current?.querySelector<HTMLVideoElement>('video.face-video')?.play();
            }}
          >
            {text.play}
          </button>
        )}
        {media.cam.value && (
          <div class="self">
            <SelfVideo track={media.cam.value} label={text.selfView} />
          </div>
        )}
        <div class="toasts" role="status">
          {state.notice && <p class="toast">{state.notice}</p>}
        </div>
      </section>

      {captions && state.phase === 'connected' && <Captions lines={state.lines} name={name} />}

      <Controls
        session={session}
        panel={panel}
        captions={captions}
        onMic={toggleMic}
        onCamera={toggleCamera}
        onCaptions={toggleCaptions}
        onPanel={toggle}
      />

      {panel === 'transcript' && (
        <aside class="drawer" aria-label={text.transcript}>
          <PanelHead title={text.transcript} onClose={() => setPanel('none')} />
          <TranscriptLines lines={state.lines} name={name} live />
        </aside>
      )}
      {panel === 'settings' && (
        <aside class="popover" aria-label={text.settings}>
          <PanelHead title={text.settings} onClose={() => setPanel('none')} />
          <Settings media={media} shortcuts={shortcuts} onShortcuts={setShortcuts} />
        </aside>
      )}
    </main>
  );
}

function PanelHead({ title, onClose }: { title: string; onClose: () => void }): JSX.Element {
  const heading = useHeadingFocus();
  return (
    <header>
      <h2 ref={heading} tabIndex={-1}>
        {title}
      </h2>
      <button type="button" class="icon quiet" aria-label={text.close} onClick={onClose}>
        <CloseIcon />
      </button>
    </header>
  );
}

function TopBar({ state, name }: { state: CallState; name: string }): JSX.Element {
  const bars = { unknown: 0, poor: 1, fair: 2, good: 3 } as const;
  const on = state.phase === 'connected';
  return (
    <header class="topbar">
      <span class="chip" title={strings.aiLong}>
        <span class="name">{name}</span>
        <span class="badge" role="img" aria-label={strings.ai}>
          <span class="long">{strings.ai}</span>
          <span class="short">{strings.aiShort}</span>
        </span>
      </span>
      {on && (
        <span class="chip mode" data-mode={state.mode}>
          <span class="pulse" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span id="face-mode">{text.mode[state.mode]}</span>
        </span>
      )}
      {on && (
        <span class="chip end">
          {state.latency !== null && (
            <span
              class="reply"
              data-testid="latency"
              title={text.replyHelp[state.latencyBy ?? 'page']}
            >
              {text.reply(state.latency)}
            </span>
          )}
          <Duration since={state.startedAt} />
          <span
            class={`quality ${state.quality}`}
            role="img"
            aria-label={text.quality[state.quality]}
            title={text.quality[state.quality]}
          >
            <BarsIcon bars={bars[state.quality]} />
          </span>
        </span>
      )}
    </header>
  );
}

function Duration({ since }: { since: number | null }): JSX.Element {
  const now = useNow(1000);
  return <span class="clock">{since === null ? '' : clock((now - since) / 1000)}</span>;
}

/** What keeps the call from running. */
function Veil({ state, name }: { state: CallState; name: string }): JSX.Element {
  const now = useNow(500);
  if (state.phase === 'connecting') {
    return (
      <div class="veil" role="status">
        <span class="spinner" aria-hidden="true" />
        <p>{text.connecting(name)}</p>
      </div>
    );
  }
  const of = RETRY_PAUSES.length;
  const seconds = state.nextAttemptAt === null ? 0 : Math.ceil((state.nextAttemptAt - now) / 1000);
  return (
    <div class="veil">
      <span class="spinner" aria-hidden="true" />
      <p role="status">{navigator.onLine ? text.lost : text.lostOffline}</p>
      <p class="detail">
        {seconds > 0 ? text.retryIn(seconds, state.attempt, of) : text.retrying(state.attempt, of)}
      </p>
    </div>
  );
}
