import { describe, expect, it } from 'vitest';
import { AudioClock } from '../../src/face/clock';
import { StateReceiver, type Peer } from '../../src/face/receiver';
import { decode, rest, type FaceState } from '../../src/face/state';
import { Timeline } from '../../src/face/timeline';

const RATE = 48_000;
/** A repeatable stream of numbers in 0..1 (Park & Miller 1988). */
function random(seed: number): () => number {
  let s = seed;
  return () => (s = (s * 48_271) % 2_147_483_647) / 2_147_483_647;
}

function message(t: number, jawOpen: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(76));
  view.setUint8(0, 1);
  view.setUint32(4, Math.round(t * 1e4), true);
  view.setUint8(8 + 17, Math.round(jawOpen * 255));
  return view.buffer;
}

function state(t: number, jawOpen: number): FaceState {
  const s = rest(t);
  s.arkit[17] = jawOpen;
  return s;
}

describe('the audio clock', () => {
  // Packets of 20 ms, played `delay` later; the browser notes the hand-over of pieces of them.
  function run(origin: number, delay: number, drift = 0): number[] {
    const clock = new AudioClock(origin);
    const noise = random(7);
    const errors: number[] = [];
    for (let at = 1000; at < 21_000; at += 16.7) {
      const playing = (at / 1000 - delay) * (1 + drift);
      const packet = Math.floor(playing / 0.02);
      const begun = ((packet * 0.02) / (1 + drift) + delay) * 1000;
      // a packet is handed over in two pieces, each noted with the packet's own stamp
      const noted = Math.min(at, begun + (noise() < 0.5 ? 0 : 10));
      clock.hear({ rtpTimestamp: (origin + packet * 0.02 * RATE) >>> 0, timestamp: noted });
      if (at > 3000) errors.push(Math.abs((clock.now(at) ?? NaN) - playing));
    }
    return errors;
  }

  it.each([
    ['from zero', 0],
    ['through the wrap of the counter', 2 ** 32 - 3 * RATE],
  ])('follows what is audible to 12 ms, %s', (_, origin) => {
    expect(Math.max(...run(origin, 0.18))).toBeLessThan(0.012);
  });

  it('follows a clock that runs 100 ppm fast', () => {
    expect(Math.max(...run(5, 0.1, 1e-4))).toBeLessThan(0.012);
  });

  it('knows nothing before any sound', () => {
    expect(new AudioClock(0).now(5)).toBeNull();
  });

  it('jumps when the sound does, and glides over small changes', () => {
    const clock = new AudioClock(0);
    clock.hear({ rtpTimestamp: RATE, timestamp: 1000 });
    expect(clock.now(1000)).toBeCloseTo(1);
    for (let k = 1; k <= 60; k++) {
      clock.hear({ rtpTimestamp: RATE + k * 960, timestamp: 1000 + k * 20 + 50 });
      const before = clock.now(999 + k * 20) ?? 0;
      expect((clock.now(1000 + k * 20) ?? 0) - before).toBeLessThan(0.0012);
    }
    expect(clock.now(2200)).toBeCloseTo(2.15, 2);
    clock.hear({ rtpTimestamp: 30 * RATE, timestamp: 2300 });
    expect(clock.now(2300)).toBeCloseTo(30, 2);
  });
});

describe('the timeline', () => {
  it('gives the same whatever the order of arrival', () => {
    const next = random(11);
    const states = Array.from({ length: 60 }, (_, i) => state(i / 60, next()));
    const [straight, shuffled] = [new Timeline(), new Timeline()];
    states.forEach((s) => straight.push(s));
    states
      .map((s) => [next(), s] as const)
      .sort((a, b) => a[0] - b[0])
      .forEach(([, s]) => shuffled.push(s));
    for (let t = 0; t < 1; t += 0.013) expect(shuffled.at(t)).toEqual(straight.at(t));
  });

  it.each([0.1, 0.3])('shows nothing of %d of the messages lost', (loss) => {
    const next = random(3);
    const timeline = new Timeline();
    const jaw = (t: number): number => 0.5 + 0.5 * Math.sin(2 * Math.PI * 4 * t);
    for (let i = 0; i < 300; i++) if (next() > loss) timeline.push(state(i / 60, jaw(i / 60)));
    let before = timeline.at(0.5).arkit[17]!;
    let worst = 0;
    for (let t = 0.5; t < 4.5; t += 1 / 60) {
      const now = timeline.at(t).arkit[17]!;
      worst = Math.max(worst, Math.abs(now - jaw(t)));
      expect(Math.abs(now - before)).toBeLessThan(0.35); // no jumps: a whole opening takes 125 ms
      before = now;
    }
    expect(worst).toBeLessThan(0.35);
  });

  it('comes to rest when nothing comes any more', () => {
    const timeline = new Timeline();
    timeline.push(state(1, 1));
    expect(timeline.at(1.1).arkit[17]).toBe(1);
    expect(timeline.at(2.5).arkit[17]).toBeLessThan(0.01);
  });

  it('keeps a bounded number of states', () => {
    const timeline = new Timeline();
    for (let i = 0; i < 5000; i++) timeline.push(state(i, 0));
    expect(timeline.length).toBeLessThanOrEqual(300);
  });
});

describe('the receiver', () => {
  it('shows the state of the sound that is audible', () => {
    let heard: RTCRtpSynchronizationSource[] = [];
    const peer = {
      getReceivers: () => [
        { track: { kind: 'audio' }, getSynchronizationSources: () => heard },
      ],
    } as unknown as Peer;
    const receiver = new StateReceiver('4800', peer);
    expect(receiver.at(0)).toBeNull();
    for (let i = 0; i < 60; i++) receiver.take(message(i / 60, i / 60));
    receiver.take('not a state');
    receiver.take(new ArrayBuffer(5));
    expect(receiver.at(0)).toBeNull(); // nothing is audible yet
    heard = [{ rtpTimestamp: 4800 + 0.5 * RATE, timestamp: 2000, source: 1 }];
    expect(receiver.at(2000)?.arkit[17]).toBeCloseTo(0.5, 2);
    expect(receiver.at(2200)?.arkit[17]).toBeCloseTo(0.7, 2);
  });

  it.each([
    ['the page', 0],
    ['1970', performance.timeOrigin],
    ['a clock that was set', 5e12],
  ])('takes times that count from %s', (_, origin) => {
    const source = { rtpTimestamp: RATE, timestamp: origin + 2000, source: 1 };
    const track = { kind: 'audio' };
    const peer = { getReceivers: () => [{ track, getSynchronizationSources: () => [source] }] };
    const receiver = new StateReceiver('0', peer as unknown as Peer);
    for (let i = 0; i < 120; i++) receiver.take(message(i / 60, i / 120));
    expect(receiver.at(2000)?.t).toBeCloseTo(1, 2);
  });

  it('reads what the server writes and nothing else', () => {
    const joined = new Uint8Array(3 * 76);
    [1, 2.5, 3].forEach((t, i) => joined.set(new Uint8Array(message(t, 1)), i * 76));
    expect(decode(joined.buffer).map((s) => s.t)).toEqual([1, 2.5, 3]);
    joined[76] = 9; // a version to come
    expect(decode(joined.buffer).map((s) => s.t)).toEqual([1, 3]);
    expect(decode(joined.buffer.slice(0, 75))).toEqual([]);
  });
});
