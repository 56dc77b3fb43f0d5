// Injected before the page's own code. It replaces the microphone by one the test speaks through,
// and records what really arrives: the remote sound sample by sample, the remote pictures as
// they are presented. Times are performance.now() in seconds.
(() => {
  const H = (window.__harness = { sound: [], pictures: [], keepPictures: false });
  let context;
  let mic;

  const audio = () => {
    if (!context) {
      context = new AudioContext({ sampleRate: 48000 });
      mic = context.createMediaStreamDestination();
      // A source of silence keeps the track alive between sentences.
      const silence = context.createConstantSource();
      const gain = context.createGain();
      gain.gain.value = 0;
      silence.connect(gain).connect(mic);
      silence.start();
    }
    return context;
  };

  if (!window.__realMicrophone) {
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      if (!constraints || !constraints.audio) return original(constraints);
      audio();
      await context.resume();
      const stream = new MediaStream(mic.stream.getAudioTracks().map((t) => t.clone()));
      if (constraints.video) {
        const camera = await original({ video: constraints.video });
        camera.getVideoTracks().forEach((t) => stream.addTrack(t));
      }
      return stream;
    };
  }

  // Speak a WAV file (base64); answers with when its first and last sample are spoken.
  H.say = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const buffer = await audio().decodeAudioData(bytes.buffer);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(mic);
    const delay = 0.05;
    const begin = performance.now() / 1000 + delay;
    source.start(context.currentTime + delay);
    await new Promise((done) => (source.onended = done));
    return [begin, begin + buffer.duration];
  };

  const worklet = `registerProcessor('tap', class extends AudioWorkletProcessor {
    constructor() { super(); this.block = new Float32Array(960); this.fill = 0; }
    process(inputs) {
      const x = inputs[0][0];
      if (x) for (const v of x) {
        this.block[this.fill++] = v;
        if (this.fill === 960) { this.port.postMessage(this.block.slice()); this.fill = 0; }
      }
      return true;
    }
  });`;

  const record = async (track) => {
    const ctx = audio();
    await ctx.resume();
    await ctx.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: 'text/javascript' })));
    const tap = new AudioWorkletNode(ctx, 'tap');
    tap.port.onmessage = (e) => {
      const pcm = new Int16Array(960);
      e.data.forEach((v, i) => (pcm[i] = Math.max(-1, Math.min(1, v)) * 32767));
      H.sound.push([performance.now() / 1000 - 0.02, pcm]);
    };
    ctx.createMediaStreamSource(new MediaStream([track])).connect(tap);
  };

  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...args) {
      super(...args);
      H.peer = this;
      this.addEventListener('track', (e) => {
        if (e.track.kind === 'audio') record(e.track);
      });
    }
  };

  // Pictures as presented on the face's video element, or as drawn on its canvas.
  const canvas = document.createElement('canvas');
  const keep = (now, source, width, height) => {
    if (!H.keepPictures || !width) return;
    canvas.width = 640;
    canvas.height = Math.round((640 * height) / width);
    canvas.getContext('2d').drawImage(source, 0, 0, canvas.width, canvas.height);
    H.pictures.push([now / 1000, canvas.toDataURL('image/jpeg', 0.9)]);
  };
  const watch = (video) => {
    let n = 0;
    const seen = (now) => {
      if (n++ % 2 === 0) keep(now, video, video.videoWidth, video.videoHeight);
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  };
  const watchDrawn = (drawn) => {
    // Asked for later than the page's own callback, it runs after it: the picture is there still.
    const seen = () => {
      if (!drawn.isConnected) return;
      keep(performance.now(), drawn, drawn.width, drawn.height);
      requestAnimationFrame(seen);
    };
    requestAnimationFrame(seen);
  };
  const watched = new WeakSet();
  setInterval(() => {
    for (const face of document.querySelectorAll('[data-testid=face-video], [data-testid=face-canvas]')) {
      if (watched.has(face)) continue;
      watched.add(face);
      if (face instanceof HTMLVideoElement) watch(face);
      else watchDrawn(face);
    }
  }, 50);

  H.picturesReceived = async () => {
    let count = 0;
    (await H.peer.getStats()).forEach((s) => {
      if (s.type === 'inbound-rtp' && s.kind === 'video') count += s.framesReceived ?? 0;
    });
    return count;
  };

  H.soundSince = (t) => {
    const blocks = H.sound.filter(([at]) => at >= t);
    const pcm = new Int16Array(blocks.length * 960);
    blocks.forEach(([, b], i) => pcm.set(b, i * 960));
    let binary = '';
    const raw = new Uint8Array(pcm.buffer);
    for (let i = 0; i < raw.length; i += 32768) binary += String.fromCharCode(...raw.subarray(i, i + 32768));
    return { times: blocks.map(([at]) => at), pcm: btoa(binary) };
  };
})();
