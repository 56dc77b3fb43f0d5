import { describe, expect, it } from 'vitest';
import { asJson, asText, faceSaid, joinWords, settle, userSaid, type Line } from '../src/call/transcript';

describe('the transcript', () => {
  it('replaces interim words and settles on the final ones', () => {
    let lines: Line[] = [];
    lines = userSaid(lines, 'When can', false, 1);
    lines = userSaid(lines, 'When can I', false, 2);
    lines = userSaid(lines, 'When can I drive?', true, 3);
    lines = userSaid(lines, 'And swim?', true, 4);
    expect(lines.map((l) => l.text)).toEqual(['When can I drive?', 'And swim?']);
    expect(lines.every((l) => !l.open)).toBe(true);
  });

  it('gathers the face word by word until its turn is over', () => {
    let lines: Line[] = [];
    for (const word of ['Not', 'for', '24', 'hours', '.']) lines = faceSaid(lines, word, 1);
    lines = settle(lines, 'face');
    lines = faceSaid(lines, 'Anything', 2);
    expect(lines.map((l) => l.text)).toEqual(['Not for 24 hours.', 'Anything']);
  });

  it('ignores silence', () => {
    expect(userSaid([], '  ', true, 1)).toEqual([]);
    expect(faceSaid([], ' ', 1)).toEqual([]);
  });

  it('joins punctuation without a space', () => {
    expect(joinWords('Hello', ',')).toBe('Hello,');
    expect(joinWords('Hello', 'you')).toBe('Hello you');
  });

  it('says in every download who is who and that the face is generated', () => {
    const lines = userSaid(faceSaid([], 'Hello', 0), 'Hi', true, 1000);
    expect(asText(lines, 'Clara', 'You').split('\n')).toEqual([
      '[1970-01-01T00:00:00.000Z] Clara: Hello',
      '[1970-01-01T00:00:01.000Z] You: Hi',
    ]);
    const parsed = JSON.parse(asJson(lines, 'Clara'));
    expect(parsed.ai_generated).toBe(true);
    expect(parsed.lines.map((l: { role: string }) => l.role)).toEqual(['assistant', 'user']);
  });
});
