import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { whyNot } from '../api';
import type { Session } from '../call/session';
import type { Problem } from '../call/state';
import { strings } from '../strings';
import { useHeadingFocus } from './hooks';

const text = strings.error;

/** Seconds between looks at whether the obstacle is gone, unless the server names a time. */
const WATCH = 4;
/** Obstacles that go away by themselves. */
const PASSING: readonly Problem['kind'][] = ['full', 'starting', 'stopping', 'gone', 'offline'];

export function ProblemScreen({ session }: { session: Session }): JSX.Element {
  const problem = session.state.value.problem ?? { kind: 'failed' };
  const heading = useHeadingFocus();
  const free = useFree(problem);
  const words = text[problem.kind];
  return (
    <main class="after" data-testid="error" data-problem={problem.kind}>
      <section class="card">
        <h1 ref={heading} tabIndex={-1}>
          {words.title}
        </h1>
        <p>{words.help}</p>
        {problem.detail && problem.kind !== 'full' && (
          <p class="hint">{text.serverSaid(problem.detail)}</p>
        )}
        <p class="free" role="status">
          {free && text.free}
        </p>
        <div class="row">
          <button type="button" class="primary" onClick={() => void session.join()}>
            {free ? text.joinNow : text.retry}
          </button>
          <button type="button" class="small" onClick={() => session.back()}>
            {text.back}
          </button>
        </div>
      </section>
    </main>
  );
}

/** Whether a passing obstacle has passed; nobody is put into a call without asking. */
function useFree(problem: Problem): boolean {
  const [free, setFree] = useState(false);
  useEffect(() => {
    setFree(false);
    if (!PASSING.includes(problem.kind)) return;
    const seconds = Math.min(problem.retryAfter ?? WATCH, WATCH);
    const timer = setInterval(() => {
      if (!document.hidden) void whyNot().then((still) => setFree(still === null));
    }, seconds * 1000);
    return () => clearInterval(timer);
  }, [problem]);
  return free;
}
