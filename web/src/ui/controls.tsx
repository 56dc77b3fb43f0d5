import type { ComponentChildren, JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { Session } from '../call/session';
import { strings } from '../strings';
import { useLevel } from './hooks';
import {
  CameraIcon,
  CaptionsIcon,
  HangUpIcon,
  HelpIcon,
  MicIcon,
  SendIcon,
  TranscriptIcon,
} from './icons';
import type { Panel } from './in-call';

const text = strings.call;

interface Props {
  session: Session;
  panel: Panel;
  captions: boolean;
  onMic: () => void;
  onCamera: () => void;
  onCaptions: () => void;
  onPanel: (panel: Panel) => void;
}

export function Controls(props: Props): JSX.Element {
  const { session, panel, captions } = props;
  const media = session.media;
  const mic = media.mic.value;
  const heard = mic !== null && media.micOn.value;
  const cam = media.cam.value !== null;
  const ring = useLevel<HTMLSpanElement>(heard ? mic : null);
  return (
    <footer class="controls">
      <div class="buttons" role="group" aria-label={text.controls}>
        <Button
          label={mic ? (heard ? text.mute : text.unmute) : text.micOn}
          off={!heard}
          testId="mute-button"
          onClick={props.onMic}
        >
          <span ref={ring} class="ring" aria-hidden="true" />
          <MicIcon off={!heard} />
        </Button>
        <Button
          label={cam ? text.cameraOff : text.cameraOn}
          on={cam}
          testId="camera-button"
          onClick={props.onCamera}
        >
          <CameraIcon off={!cam} />
        </Button>
        <Button
          label={text.captions}
          on={captions}
          pressed={captions}
          testId="captions-button"
          onClick={props.onCaptions}
        >
          <CaptionsIcon off={!captions} />
        </Button>
        <Button
          label={text.transcript}
          on={panel === 'transcript'}
          expanded={panel === 'transcript'}
          testId="transcript-button"
          onClick={() => props.onPanel('transcript')}
        >
          <TranscriptIcon />
        </Button>
        <Button
          label={text.settings}
          on={panel === 'settings'}
          expanded={panel === 'settings'}
          testId="settings-button"
          onClick={() => props.onPanel('settings')}
        >
          <HelpIcon />
        </Button>
        <button
          type="button"
          class="icon hangup"
          data-testid="hangup-button"
          aria-label={text.hangUp}
          title={text.hangUp}
          onClick={() => void session.hangUp()}
        >
          <HangUpIcon />
        </button>
      </div>
      <TextInput session={session} />
    </footer>
  );
}

interface ButtonProps {
  label: string;
  /** Not in force although one would expect it. */
  off?: boolean;
  on?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  testId: string;
  onClick: () => void;
  children: ComponentChildren;
}

function Button(props: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`icon ${props.off ? 'is-off' : ''} ${props.on ? 'is-on' : ''}`}
      aria-label={props.label}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      title={props.label}
      data-testid={props.testId}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}

function TextInput({ session }: { session: Session }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="text-input"
      onSubmit={(e) => {
        e.preventDefault();
        if (!input.current || session.state.value.phase !== 'connected') return;
        session.sendText(input.current.value);
        input.current.value = '';
      }}
    >
      <input
        ref={input}
        type="text"
        maxLength={1000}
        autocomplete="off"
        enterkeyhint="send"
        placeholder={text.textPlaceholder}
        aria-label={text.textPlaceholder}
        data-testid="text-input"
      />
      <button
        type="submit"
        class="icon quiet"
        aria-label={text.send}
        title={text.send}
        data-testid="text-send"
      >
        <SendIcon />
      </button>
    </form>
  );
}
