import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { getPersona, type Persona } from './api';
import type { Session } from './call/session';
import { isLive } from './call/state';
import { strings } from './strings';
import { announcement } from './ui/announce';
import { Ended } from './ui/ended';
import { InCall } from './ui/in-call';
import { PreJoin } from './ui/prejoin';
import { ProblemScreen } from './ui/problem';
import { ThemeButton } from './ui/theme';

/** Milliseconds between attempts to reach a server that does not answer yet. */
const RETRY = 2000;

interface Props {
  session: Session;
  /** Known in advance only when looking at the screens without a server. */
  persona?: Persona;
  /** Told who answers here, as soon as it is known. */
  onPersona?: (persona: Persona) => void;
}

export function App({ session, persona: given, onPersona }: Props): JSX.Element {
  const state = session.state.value;
  const { persona, waiting } = usePersona(given ?? null);

  useEffect(() => {
    if (persona) onPersona?.(persona);
  }, [persona]);
  useLayoutEffect(() => {
    document.body.dataset['callState'] = state.phase;
    document.title = persona ? `${persona.name} · ${strings.product}` : strings.product;
  }, [state.phase, persona]);

  return (
    <>
      {isLive(state) ? (
        <InCall session={session} persona={persona} />
      ) : (
        <Page>
          {state.phase === 'ended' ? (
            <Ended session={session} persona={persona} />
          ) : state.phase === 'error' ? (
            <ProblemScreen session={session} />
          ) : (
            <PreJoin session={session} persona={persona} waiting={waiting} />
          )}
        </Page>
      )}
      <p class="sr-only" role="status">
        {announcement.value}
      </p>
    </>
  );
}

function Page({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <div class="page">
      <header class="brand">
        <span class="logo" aria-hidden="true" />
        {strings.product}
        <ThemeButton />
      </header>
      {children}
    </div>
  );
}

/** Who answers here; asks again until the server does. */
function usePersona(given: Persona | null): { persona: Persona | null; waiting: boolean } {
  const [persona, setPersona] = useState(given);
  const [waiting, setWaiting] = useState(false);
  useEffect(() => {
    if (given) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = (): void => {
      getPersona()
        .then(setPersona)
        .catch(() => {
          setWaiting(true);
          timer = setTimeout(ask, RETRY);
        });
    };
    ask();
    return () => clearTimeout(timer);
  }, [given]);
  return { persona, waiting };
}
