import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { getPersona, type Persona } from './api';
import { call, join } from './call/session';
import { strings } from './strings';
import { Ended, ProblemScreen } from './ui/ended';
import { InCall } from './ui/in-call';
import { PreJoin } from './ui/prejoin';
import { ThemeButton } from './ui/theme';

/** Milliseconds between attempts to reach a server that does not answer yet. */
const RETRY = 2000;

export function App(): JSX.Element {
  const state = call.value;
  const persona = usePersona();

  useEffect(() => {
    document.body.dataset['callState'] = state.phase;
    document.title = persona ? `${persona.name} · ${strings.product}` : strings.product;
  }, [state.phase, persona]);

  switch (state.phase) {
    case 'connecting':
    case 'connected':
    case 'reconnecting':
      return <InCall persona={persona} />;
    case 'prejoin':
      return (
        <Page>
          <PreJoin persona={persona} />
        </Page>
      );
    case 'ended':
      return (
        <Page>
          <Ended state={state} persona={persona} />
        </Page>
      );
    case 'error':
      return (
        <Page>
          <ProblemScreen problem={state.problem ?? 'failed'} retry={() => void join()} />
        </Page>
      );
  }
}

function Page({ children }: { children: JSX.Element }): JSX.Element {
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
function usePersona(): Persona | null {
  const [persona, setPersona] = useState<Persona | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = (): void => {
      getPersona()
        .then(setPersona)
        .catch(() => {
          timer = setTimeout(ask, RETRY);
        });
    };
    ask();
    return () => clearTimeout(timer);
  }, []);
  return persona;
}
