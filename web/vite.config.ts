import { fileURLToPath } from 'node:url';
import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [preact()],
  base: './',
  resolve: {
    alias: {
      // The WebRTC transport imports Daily's SDK for its default media manager, which loads code
      // from a CDN. We bring our own media manager (devices/local-media.ts), so nothing of it runs.
      '@daily-co/daily-js': here('src/vendor/no-daily.ts'),
    },
  },
  build: {
    outDir: '../src/visavis/web_dist',
    emptyOutDir: true,
    target: 'es2022',
    // The notices that the libraries' licences ask to be passed on.
    license: { fileName: 'licenses.md' },
  },
  server: {
    proxy: { '/api': process.env['VISAVIS_SERVER'] ?? 'http://127.0.0.1:7860' },
    // The demo shows the stock portrait.
    fs: { allow: [here('.'), here('../src/visavis/replicas/stock')] },
  },
});
