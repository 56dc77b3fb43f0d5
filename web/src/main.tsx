import { render } from 'preact';
import { whyNot } from './api';
import { App } from './app';
import { openConnection } from './call/connection';
import { Session } from './call/session';
import { LocalMedia } from './devices/local-media';
import { Drawer } from './face/choice';
import './styles/index.css';
import { applyTheme } from './ui/theme';

applyTheme();
const root = document.getElementById('app');

async function start(into: HTMLElement): Promise<void> {
  // Looking at the screens without a server; not part of the built page.
  if (import.meta.env.DEV && new URLSearchParams(location.search).has('demo')) {
    const { demo } = await import('./demo/demo');
    render(<App {...demo()} />, into);
    return;
  }
  const media = new LocalMedia();
  const drawer = new Drawer(location.search);
  const session = new Session(media, {
    open: (listener, drawHere) => openConnection(media, listener, drawHere),
    drawer: () => drawer.face(),
    noDrawing: () => drawer.giveUp(),
    whyNot,
    pause,
    now: Date.now,
  });
  // The seat is free at once when the tab goes away.
  addEventListener('pagehide', () => session.leave());
  render(<App session={session} onPersona={(persona) => drawer.prepare(persona)} />, into);
}

/** Wait, but not longer than until the network is back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      clearTimeout(timer);
      removeEventListener('online', finish);
      done();
    };
    const timer = setTimeout(finish, milliseconds);
    addEventListener('online', finish);
  });
}

if (root) void start(root);
