import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Persona } from '../../src/api';
import { Drawer } from '../../src/face/choice';
import { wishOf, type DrawnFace, type Render } from '../../src/face/drawn-face';

const face = {} as DrawnFace;

function persona(render: Render, drawable = true): Persona {
  const replica = { id: 'x', name: 'X', portrait_url: '', drawable };
  return { name: 'X', role: '', replica, greeting: '', notice: '', render };
}

describe('who draws', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(console, 'info').mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it.each([
    ['', 'auto', 'auto'],
    ['', 'browser', 'browser'],
    ['', 'server', null],
    ['?render=server', 'browser', null],
    ['?render=browser', 'server', 'browser'],
    ['?render=nonsense', 'auto', 'auto'],
  ] as const)('address %s, server says %s: %s', async (search, says, asked) => {
    const open = vi.fn(async () => face);
    const drawer = new Drawer(search, open);
    drawer.prepare(persona(says));
    drawer.prepare(persona(says)); // once is enough
    expect(await drawer.face()).toBe(asked === null ? null : face);
    expect(open.mock.calls).toEqual(asked === null ? [] : [[asked]]);
  });

  it('is the server for a face that browsers cannot draw', async () => {
    const open = vi.fn(async () => face);
    const drawer = new Drawer('?render=browser', open);
    drawer.prepare(persona('auto', false));
    expect(await drawer.face()).toBeNull();
    expect(open).not.toHaveBeenCalled();
  });

  it('is the server when drawing fails, at once or later', async () => {
    const drawer = new Drawer('', async () => Promise.reject(new Error('no WebGL2')));
    drawer.prepare(persona('auto'));
    expect(await drawer.face()).toBeNull();
    const later = new Drawer('', async () => face);
    later.prepare(persona('auto'));
    expect(await later.face()).toBe(face);
    later.giveUp();
    expect(await later.face()).toBeNull();
  });

  it('is the server when the card went away in the lobby', async () => {
    const lost = { lost: false };
    const drawer = new Drawer('', async () => lost as DrawnFace);
    drawer.prepare(persona('auto'));
    expect(await drawer.face()).toBe(lost);
    lost.lost = true;
    expect(await drawer.face()).toBeNull();
  });

  it('does not keep a call waiting for long', async () => {
    const drawer = new Drawer('', () => new Promise(() => undefined));
    drawer.prepare(persona('auto'));
    const asked = drawer.face();
    await vi.advanceTimersByTimeAsync(6000);
    expect(await asked).toBeNull();
  });

  it('reads the address', () => {
    expect([wishOf('?render=browser&x=1'), wishOf('?x')]).toEqual(['browser', null]);
  });
});
