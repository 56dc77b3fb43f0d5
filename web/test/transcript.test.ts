import { describe, expect, it } from 'vitest';
import {
  asJson,
  asText,
  captionTail,
  faceSaid,
  joinWords,
  note,
  settle,
  userSaid,
  userTyped,
  type Line,
} from '../src/call/transcript';
import { captioned } from '../src/ui/captions';

const texts = (lines: Line[]): string[] => lines.map((l) => l.text);

describe('the transcript', () => {
  it('replaces interim words and keeps final ones', () => {
    let lines = userSaid([], 'When can', false, 1);
    expect(lines).toMatchObject([{ text: '', interim: 'When can' }]);
    lines = userSaid(lines, 'When can I', false, 2);
    lines = userSaid(lines, 'When can I drive?', true, 3);
    lines = userSaid(lines, 'And', false, 4);
    expect(lines).toMatchObject([{ text: 'When can I drive?', interim: 'And', at: 1, open: true }]);
    lines = userSaid(lines, 'And swim?', true, 5);
    expect(lines).toMatchObject([{ text: 'When can I drive? And swim?', interim: '' }]);
  });

  it('does not repeat what a recogniser repeats, or reports late', () => {
    let lines = userSaid([], 'When can I drive', true, 1);
    lines = userSaid(lines, 'when can I drive, again?', false, 2);
    expect(lines).toMatchObject([{ text: 'When can I drive', interim: 'again?' }]);
    lines = userSaid(lines, 'When can I drive again?', true, 3);
    lines = userSaid(lines, 'When can I drive again?', true, 4);
    lines = userSaid(lines, 'When can', false, 5);
    expect(lines).toMatchObject([{ text: 'When can I drive again?', interim: '' }]);
    // A word that merely begins alike is a new one.
    lines = userSaid(userSaid([], 'I can', true, 1), 'I cannot', true, 2);
    expect(texts(lines)).toEqual(['I can I cannot']);
  });

  it('keeps interim words that never became final', () => {
    const lines = settle(userSaid(userSaid([], 'Well,', true, 1), 'maybe', false, 2), 'user');
    expect(lines).toMatchObject([{ text: 'Well, maybe', interim: '', open: false }]);
  });

  it('gathers the face word by word until its turn is over', () => {
    let lines: Line[] = [];
    for (const word of ['Not', 'for', '24', 'hours', '.']) lines = faceSaid(lines, word, 1);
    lines = settle(lines, 'face');
    lines = faceSaid(lines, 'Anything', 2);
    expect(texts(lines)).toEqual(['Not for 24 hours.', 'Anything']);
  });

  it('puts a word that comes just after the interruption where it belongs', () => {
    let lines = settle(faceSaid([], 'Keep the', 1), 'face', true);
    lines = faceSaid(lines, 'wound', 2);
    expect(lines).toMatchObject([{ text: 'Keep the wound', interrupted: true, open: false }]);
  });

  it('closes the user’s line when the face answers', () => {
    const lines = faceSaid(userSaid([], 'Hello', true, 1), 'Hi', 2);
    expect(lines.map((l) => l.open)).toEqual([false, true]);
  });

  it('closes everything before something written or a note', () => {
    const spoken = userSaid([], 'Hel', false, 1);
    expect(texts(userTyped(spoken, 'Hello', 2))).toEqual(['Hel', 'Hello']);
    expect(note(spoken, 'Connected again', 2).every((l) => !l.open)).toBe(true);
  });

  it('ignores silence', () => {
    expect(userSaid([], '  ', true, 1)).toEqual([]);
    expect(faceSaid([], ' ', 1)).toEqual([]);
    expect(userSaid(userSaid([], 'uh', false, 1), '', true, 2)).toEqual([]);
  });

  it('joins punctuation without a space', () => {
    expect(joinWords('Hello', ',')).toBe('Hello,');
    expect(joinWords('Hello', 'you')).toBe('Hello you');
    expect(joinWords('', 'you')).toBe('you');
  });
});

describe('the downloads', () => {
  const lines = note(userSaid(settle(faceSaid([], 'Hello', 0), 'face', true), 'Hi', true, 1000), 'again', 2000);

  it('say as text who said what when, and what was cut short', () => {
    expect(asText(lines, 'Clara', 'You')).toBe(
      '[1970-01-01T00:00:00.000Z] Clara: Hello —\n' +
        '[1970-01-01T00:00:01.000Z] You: Hi\n' +
        '[1970-01-01T00:00:02.000Z] (again)\n',
    );
  });

  it('say as data the same, and that the face is generated', () => {
    expect(JSON.parse(asJson(lines, 'Clara'))).toEqual({
      face: 'Clara',
      ai_generated: true,
      lines: [
        { role: 'assistant', text: 'Hello', timestamp: '1970-01-01T00:00:00.000Z', interrupted: true },
        { role: 'user', text: 'Hi', timestamp: '1970-01-01T00:00:01.000Z', interrupted: false },
        { role: 'note', text: 'again', timestamp: '1970-01-01T00:00:02.000Z', interrupted: false },
      ],
    });
  });
});

describe('captions', () => {
  it('show short turns whole', () => {
    expect(captionTail('Keep it dry. Then shower.', 40)).toBe('Keep it dry. Then shower.');
  });

  it('show the last whole sentences that fit', () => {
    const text = 'Keep it dry for two days. Then showering is fine. No baths.';
    expect(captionTail(text, 35)).toBe('Then showering is fine. No baths.');
  });

  it('cut a long sentence at a word', () => {
    expect(captionTail('one two three four five', 12)).toBe('… four five');
    expect(captionTail('x'.repeat(50), 10)).toBe(`… ${'x'.repeat(10)}`);
  });

  it('show the question while it is answered, and nothing older', () => {
    let lines = faceSaid(userSaid([], 'One?', true, 1), 'Yes.', 2);
    expect(texts(captioned(lines))).toEqual(['One?', 'Yes.']);
    lines = userSaid(settle(lines, 'face'), 'Two?', true, 3);
    expect(texts(captioned(lines))).toEqual(['Two?']);
    expect(texts(captioned(note(lines, 'again', 4)))).toEqual(['Two?']);
    expect(captioned([])).toEqual([]);
  });
});
