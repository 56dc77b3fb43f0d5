/** The transcript as the page knows it: what was said, and of the face only what was heard. */

export interface Line {
  who: 'user' | 'face';
  text: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Still being said. */
  open: boolean;
}

/** The user's words so far; interim text replaces interim text, final text settles the line. */
export function userSaid(lines: Line[], text: string, final: boolean, at: number): Line[] {
  const last = lines.at(-1);
  if (last?.who === 'user' && last.open) {
    return [...lines.slice(0, -1), { ...last, text, open: !final }];
  }
  if (!text.trim()) return lines;
  return [...lines, { who: 'user', text, at, open: !final }];
}

/** One more piece of the face's speech was heard. */
export function faceSaid(lines: Line[], words: string, at: number): Line[] {
  const text = words.trim();
  if (!text) return lines;
  const last = lines.at(-1);
  if (last?.who === 'face' && last.open) {
    return [...lines.slice(0, -1), { ...last, text: joinWords(last.text, text) }];
  }
  return [...settle(lines, 'user'), { who: 'face', text, at, open: true }];
}

/** The speaker's turn is over. */
export function settle(lines: Line[], who: Line['who']): Line[] {
  return lines.some((l) => l.open && l.who === who)
    ? lines.map((l) => (l.open && l.who === who ? { ...l, open: false } : l))
    : lines;
}

/** Words with single spaces, none before closing punctuation. */
export function joinWords(before: string, after: string): string {
  return /^[,.;:!?…)\]]/.test(after) ? before + after : `${before} ${after}`;
}

export function asText(lines: Line[], faceName: string, userName: string): string {
  return lines
    .map((l) => `[${new Date(l.at).toISOString()}] ${l.who === 'face' ? faceName : userName}: ${l.text}`)
    .join('\n');
}

export function asJson(lines: Line[], faceName: string): string {
  return JSON.stringify(
    {
      face: faceName,
      ai_generated: true,
      lines: lines.map((l) => ({ role: l.who === 'face' ? 'assistant' : 'user', text: l.text, at: new Date(l.at).toISOString() })),
    },
    null,
    2,
  );
}
