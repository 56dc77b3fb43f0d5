/**
 * The person's microphone and camera, as a media manager for Pipecat's WebRTC transport.
 *
 * Pipecat's own manager is built on a hosted SDK that loads code from the network; this one is the
 * browser's `getUserMedia` and nothing more. The camera stays in the page: its track is shown as
 * the self-view and never handed to the connection.
 */

import type { PipecatClientOptions, Tracks } from '@pipecat-ai/client-js';
import { signal } from '@preact/signals';

type Nothing = Record<string, never>;

export class LocalMedia {
  /** The running microphone; null when there is none or it may not be used. */
  readonly mic = signal<MediaStreamTrack | null>(null);
  /** The running camera, for the self-view. */
  readonly cam = signal<MediaStreamTrack | null>(null);
  /** Whether the person lets the microphone be heard. */
  readonly micOn = signal(true);
  /** The chosen loudspeaker's id; empty for the system's default. */
  readonly speakerId = signal('');

  /** During a call: send this track from now on. */
  onSend: ((track: MediaStreamTrack) => void) | null = null;
  /** The microphone went away; `recovered` when another one took its place. */
  onMicGone: (recovered: boolean) => void = () => {};

  /** The copy of the microphone track that is sent; the transport stops it with the connection. */
  private sent: MediaStreamTrack | null = null;

  /** Counts releases, so that a device that starts only after one is let go again. */
  private epoch = 0;

  // -- what the page uses ----------------------------------------------------------------------

  /** Start the microphone; rejects with the browser's error. */
  async startMic(deviceId?: string): Promise<void> {
    const audio: MediaTrackConstraints = {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    };
    const epoch = this.epoch;
    const track = (await request({ audio: withDevice(audio, deviceId) })).getAudioTracks()[0];
    this.mustStillBeWanted(epoch, track);
    if (!track) throw new DOMException('No sound came.', 'NotFoundError');
    this.mic.value?.stop();
    track.enabled = this.micOn.value;
    track.onended = () => void this.replaceMic(track);
    this.mic.value = track;
    this.sent?.stop();
    this.sent = null;
    this.onSend?.(this.outgoing(track));
  }

  /** Start the camera; rejects with the browser's error. */
  async startCam(deviceId?: string): Promise<void> {
    const video: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 360 } };
    const epoch = this.epoch;
    const track = (await request({ video: withDevice(video, deviceId) })).getVideoTracks()[0];
    this.mustStillBeWanted(epoch, track);
    if (!track) throw new DOMException('No picture came.', 'NotFoundError');
    this.cam.value?.stop();
    track.onended = () => this.cam.value === track && this.stopCam();
    this.cam.value = track;
  }

  stopCam(): void {
    this.cam.value?.stop();
    this.cam.value = null;
  }

  /** Release both devices: the browser's recording light goes out. */
  stopAll(): void {
    this.epoch++;
    this.mic.value?.stop();
    this.mic.value = null;
    this.sent?.stop();
    this.sent = null;
    this.stopCam();
  }

  async list(kind: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
    if (!navigator.mediaDevices) return [];
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((d) => d.kind === kind && d.deviceId !== '');
  }

  private async replaceMic(gone: MediaStreamTrack): Promise<void> {
    if (this.mic.value !== gone) return;
    this.mic.value = null;
    const recovered = await this.startMic().then(
      () => true,
      () => false,
    );
    this.onMicGone(recovered);
  }

  private mustStillBeWanted(epoch: number, track: MediaStreamTrack | undefined): void {
    if (epoch === this.epoch) return;
    track?.stop();
    throw new DOMException('The device was released while it started.', 'AbortError');
  }

  private outgoing(track: MediaStreamTrack): MediaStreamTrack {
    if (this.sent?.readyState !== 'live') this.sent = track.clone();
    this.sent.enabled = this.micOn.value;
    return this.sent;
  }

  // -- what Pipecat's transport asks of a media manager ------------------------------------------

  readonly supportsScreenShare = false;
  readonly isSharingScreen = false;
  readonly isCamEnabled = false;

  get isMicEnabled(): boolean {
    return this.micOn.value && this.mic.value !== null;
  }

  tracks(): Tracks {
    return { local: this.mic.value ? { audio: this.outgoing(this.mic.value) } : {} };
  }

  enableMic(enable: boolean): void {
    // The transport repeats what it was told; without a microphone there is nothing to remember.
    if (!this.mic.value) return;
    this.micOn.value = enable;
    this.mic.value.enabled = enable;
    if (this.sent) this.sent.enabled = enable;
  }

  setClientOptions(_options: PipecatClientOptions): void {}
  setUserAudioCallback(): void {}
  async initialize(): Promise<void> {}
  async connect(): Promise<void> {}
  async disconnect(): Promise<void> {}
  async userStartedSpeaking(): Promise<void> {}
  bufferBotAudio(): void {}
  enableCam(): void {}
  enableScreenShare(): void {}
  getAllMics = (): Promise<MediaDeviceInfo[]> => this.list('audioinput');
  getAllCams = (): Promise<MediaDeviceInfo[]> => this.list('videoinput');
  getAllSpeakers = (): Promise<MediaDeviceInfo[]> => this.list('audiooutput');
  updateMic = (id: string): Promise<void> => this.startMic(id);
  updateCam(): void {}

  updateSpeaker(id: string): void {
    this.speakerId.value = id;
  }

  get selectedMic(): Nothing {
    return {};
  }

  get selectedCam(): Nothing {
    return {};
  }

  get selectedSpeaker(): Nothing {
    return {};
  }
}

function request(constraints: MediaStreamConstraints): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    return Promise.reject(new DOMException('Devices need a secure page.', 'SecurityError'));
  }
  return navigator.mediaDevices.getUserMedia(constraints);
}

const withDevice = (constraints: MediaTrackConstraints, id?: string): MediaTrackConstraints =>
  id ? { ...constraints, deviceId: { exact: id } } : constraints;
