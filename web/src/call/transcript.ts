/** The transcript as the page knows it: what was said, and of the face only what was heard. */

export interface Line {
  /** `note` is the page itself, for example after a reconnection. */
  who: 'user' | 'face' | 'note';
  /** Settled words. */
  text: string;
  /** Words of the user that the server may still change its mind about. */
  interim: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Still being said. */
  open: boolean;
  /** The other side cut it short. */
  interrupted: boolean;
}

const line = (who: Line['who'], text: string, at: number): Line => ({
  who,
  text,
  interim: '',
  at,
  open: true,
  interrupted: false,
});

/**
 * The user spoke: interim words replace interim words, final words stay. Some recognisers repeat
 * the turn from its beginning in every message, some send one piece after the other, and a slow
 * one sends interim words after the final ones; what is there already is not added again.
 */
export function userSaid(lines: Line[], words: string, final: boolean, at: number): Line[] {
  const text = words.trim();
  const last = lines.at(-1);
  const current = last?.who === 'user' && last.open ? last : null;
  if (!current && !text) return lines;
  const before = current ? lines.slice(0, -1) : lines;
  const base = current ?? line('user', '', at);
  const added = unsaid(base.text, text);
  const next = final
    ? { ...base, text: joinWords(base.text, added), interim: '' }
    : { ...base, interim: added };
  return next.text || next.interim ? [...before, next] : before;
}

/** What of `text` is not said already in `before`. */
function unsaid(before: string, text: string): string {
  const known = bare(before);
  const told = bare(text);
  if (!known) return text;
  if (known.startsWith(told)) return '';
  if (!told.startsWith(`${known} `)) return text;
  const words = text.split(/\s+/);
  return words.slice(known.split(' ').length).join(' ');
}

/** Words without case and punctuation. */
const bare = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();

/** The user wrote something. */
export function userTyped(lines: Line[], text: string, at: number): Line[] {
  return [...settle(settle(lines, 'user'), 'face'), { ...line('user', text, at), open: false }];
}

/** One more piece of the face's speech was heard. */
export function faceSaid(lines: Line[], words: string, at: number): Line[] {
  const text = words.trim();
  if (!text) return lines;
  const last = lines.at(-1);
  // The last word before an interruption may be reported just after it.
  if (last?.who === 'face' && (last.open || last.interrupted)) {
    return [...lines.slice(0, -1), { ...last, text: joinWords(last.text, text) }];
  }
  return [...settle(lines, 'user'), line('face', text, at)];
}

/** The speaker's turn is over. */
export function settle(lines: Line[], who: Line['who'], interrupted = false): Line[] {
  if (!lines.some((l) => l.open && l.who === who)) return lines;
  return lines.map((l) =>
    l.open && l.who === who
      ? { ...l, text: joinWords(l.text, l.interim), interim: '', open: false, interrupted }
      : l,
  );
}

/** A remark of the page between the lines. */
export function note(lines: Line[], text: string, at: number): Line[] {
  return [...settle(settle(lines, 'user'), 'face'), { ...line('note', text, at), open: false }];
}

/** Words with single spaces, none before closing punctuation. */
export function joinWords(before: string, after: string): string {
  if (!before || !after) return before || after;
  return /^[,.;:!?…)\]]/.test(after) ? before + after : `${before} ${after}`;
}

/**
 * What of a turn a caption shows: the last whole sentences that fit into `limit` characters, or
 * the last words of a sentence too long to fit.
 */
export function captionTail(text: string, limit = 120): string {
  if (text.length <= limit) return text;
  const sentences = text.split(/(?<=[.!?…])\s+/);
  let tail = sentences.pop() ?? '';
  if (tail.length <= limit) {
    for (let s = sentences.pop(); s !== undefined; s = sentences.pop()) {
      if (s.length + 1 + tail.length > limit) break;
      tail = `${s} ${tail}`;
    }
    return tail;
  }
  const cut = tail.slice(-limit);
  const space = cut.indexOf(' ');
  return `… ${space < 0 ? cut : cut.slice(space + 1)}`;
}

const spoken = (l: Line): string => (l.interrupted ? `${l.text} —` : l.text);

export function asText(lines: Line[], faceName: string, userName: string): string {
  const who = { face: faceName, user: userName };
  return lines
    .map((l) => {
      const time = `[${new Date(l.at).toISOString()}]`;
      return l.who === 'note' ? `${time} (${l.text})` : `${time} ${who[l.who]}: ${spoken(l)}`;
    })
    .join('\n')
    .concat('\n');
}

export function asJson(lines: Line[], faceName: string): string {
  const role = { face: 'assistant', user: 'user', note: 'note' };
  return JSON.stringify(
    {
      face: faceName,
      ai_generated: true,
      lines: lines.map((l) => ({
        role: role[l.who],
        text: l.text,
        timestamp: new Date(l.at).toISOString(),
        interrupted: l.interrupted,
      })),
    },
    null,
    2,
  );
}
