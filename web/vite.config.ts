import { fileURLToPath } from 'node:url';
import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [preact()],
  base: './',
  resolve: {
    alias: {
      // The WebRTC transport imports Daily's SDK for its default media manager, which loads code
      // from a CDN. We bring our own media manager (devices/local-media.ts), so nothing of it runs.
      '@daily-co/daily-js': fileURLToPath(new URL('src/vendor/no-daily.ts', import.meta.url)),
    },
  },
  build: {
    outDir: '../src/visavis/web_dist',
    emptyOutDir: true,
    target: 'es2023',
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:7860' },
  },
});
