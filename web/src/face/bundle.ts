/** The replica in use, fetched from the server. */

import { readRig, type Rig } from './rig';

const FILES = '/api/replica/files';

export interface Bundle {
  rig: Rig;
  /** Textures by path, premultiplied by alpha. */
  pictures: Map<string, ImageBitmap>;
}

/**
 * @throws when a file cannot be had or read; the message names it
 */
export async function loadBundle(): Promise<Bundle> {
  const manifest = (await (await get(`${FILES}/replica.json`)).json()) as {
    checksums: Record<string, string>;
  };
  // An address that names the contents may be kept for ever.
  const file = (name: string): Promise<Response> =>
    get(`${FILES}/${name}?v=${manifest.checksums[name] ?? ''}`);
  const rig = readRig(await (await file('rig.glb')).arrayBuffer());
  const names = new Set([...rig.layers.values()].map((layer) => layer.texture));
  const pictures = await Promise.all(
    [...names].map(async (name) => [name, await picture(await file(name))] as const),
  );
  return { rig, pictures: new Map(pictures) };
}

async function get(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}

async function picture(response: Response): Promise<ImageBitmap> {
  return createImageBitmap(await response.blob(), {
    premultiplyAlpha: 'premultiply',
    colorSpaceConversion: 'none',
  });
}
