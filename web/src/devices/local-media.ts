/**
 * The person's microphone and camera as a media manager for Pipecat's WebRTC transport.
 *
 * Pipecat's own manager is built on a hosted SDK that loads code from the network; this one is the
 * browser's `getUserMedia` and nothing more. The camera stays in the page: its track is shown as
 * the self-view and never handed to the connection.
 */

import type { PipecatClientOptions, Tracks } from '@pipecat-ai/client-js';

export type MicProblem = 'denied' | 'missing' | 'busy' | 'insecure' | 'unknown';

/** What kept a device from starting, from the error the browser threw. */
export function micProblem(error: unknown, secure: boolean = globalThis.isSecureContext): MicProblem {
  if (!secure) return 'insecure';
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  if (name === 'NotReadableError' || name === 'AbortError') return 'busy';
  return 'unknown';
}

type Empty = Record<string, never>;

export class LocalMedia {
  /** Told when a different microphone track must be sent. */
  onMicChanged: (track: MediaStreamTrack) => void = () => {};

  private mic: MediaStreamTrack | null = null;
  private cam: MediaStreamTrack | null = null;
  private micId: string | undefined;
  private camId: string | undefined;
  private speakerId = '';
  private micOn = true;

  // -- what the page uses ----------------------------------------------------------------------

  get micTrack(): MediaStreamTrack | null {
    return this.mic;
  }

  get camTrack(): MediaStreamTrack | null {
    return this.cam;
  }

  async startMic(deviceId?: string): Promise<MediaStreamTrack> {
    if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError');
    const constraints: MediaTrackConstraints = {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    };
    if (deviceId) constraints.deviceId = { exact: deviceId };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
    const track = stream.getAudioTracks()[0];
    if (!track) throw new DOMException('', 'NotFoundError');
    this.mic?.stop();
    this.mic = track;
    this.micId = deviceId;
    track.enabled = this.micOn;
    this.onMicChanged(track);
    return track;
  }

  async startCam(deviceId?: string): Promise<MediaStreamTrack> {
    const video: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 360 } };
    if (deviceId) video.deviceId = { exact: deviceId };
    const stream = await navigator.mediaDevices.getUserMedia({ video });
    const track = stream.getVideoTracks()[0];
    if (!track) throw new DOMException('', 'NotFoundError');
    this.cam?.stop();
    this.cam = track;
    this.camId = deviceId;
    return track;
  }

  stopCam(): void {
    this.cam?.stop();
    this.cam = null;
  }

  stopAll(): void {
    this.mic?.stop();
    this.mic = null;
    this.stopCam();
  }

  async list(kind: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
    if (!navigator.mediaDevices) return [];
    return (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === kind && d.deviceId !== '');
  }

  // -- what Pipecat's transport asks of a media manager ------------------------------------------

  readonly supportsScreenShare = false;
  readonly isSharingScreen = false;
  readonly isCamEnabled = false;

  get isMicEnabled(): boolean {
    return this.micOn && this.mic !== null;
  }

  setClientOptions(_options: PipecatClientOptions): void {}
  setUserAudioCallback(): void {}
  async initialize(): Promise<void> {}
  async connect(): Promise<void> {}
  async disconnect(): Promise<void> {}
  async userStartedSpeaking(): Promise<void> {}
  bufferBotAudio(): void {}

  tracks(): Tracks {
    return { local: this.mic ? { audio: this.mic } : {} };
  }

  enableMic(enable: boolean): void {
    this.micOn = enable;
    if (this.mic) this.mic.enabled = enable;
  }

  enableCam(): void {}
  enableScreenShare(): void {}
  getAllMics = (): Promise<MediaDeviceInfo[]> => this.list('audioinput');
  getAllCams = (): Promise<MediaDeviceInfo[]> => this.list('videoinput');
  getAllSpeakers = (): Promise<MediaDeviceInfo[]> => this.list('audiooutput');

  async updateMic(id: string): Promise<void> {
    await this.startMic(id);
  }

  updateCam(id: string): void {
    this.camId = id;
  }

  updateSpeaker(id: string): void {
    this.speakerId = id;
  }

  get selectedMic(): Empty {
    return {};
  }

  get selectedCam(): Empty {
    return {};
  }

  get selectedSpeaker(): Empty {
    return {};
  }

  /** Ids chosen by the person; undefined or empty for the system's default. */
  get chosen(): { mic: string | undefined; cam: string | undefined; speaker: string } {
    return { mic: this.micId, cam: this.camId, speaker: this.speakerId };
  }
}
