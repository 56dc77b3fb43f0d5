/** Loudness of a microphone track, 0..1, a few times a second; returns how to stop. */
export function meter(track: MediaStreamTrack, onLevel: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    // Browsers may hold a context back until the person touches the page.
    if (context.state === 'suspended') void context.resume();
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const s of samples) sum += s * s;
    onLevel(levelOf(Math.sqrt(sum / samples.length)));
  }, 80);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

/** RMS of full scale to a bar: −60 dB is empty, −10 dB is full. */
export function levelOf(rms: number): number {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 60) / 50));
}
