/** Line icons, 24×24, drawn for this page. They are decoration: the button carries the name. */
import type { JSX } from 'preact';

function Icon({ children }: { children: JSX.Element | JSX.Element[] }): JSX.Element {
  return (
    <svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {children}
    </svg>
  );
}

const slash = <path d="M4 4l16 16" />;

export const MicIcon = ({ off = false }: { off?: boolean }): JSX.Element => (
  <Icon>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5 11a7 7 0 0 0 14 0M12 18v3M8.5 21h7" />
    {off ? slash : <g />}
  </Icon>
);

export const CameraIcon = ({ off = false }: { off?: boolean }): JSX.Element => (
  <Icon>
    <rect x="3" y="6.5" width="12.5" height="11" rx="2.5" />
    <path d="M15.5 10.5l5-3v9l-5-3" />
    {off ? slash : <g />}
  </Icon>
);

export const CaptionsIcon = ({ off = false }: { off?: boolean }): JSX.Element => (
  <Icon>
    <rect x="3" y="5" width="18" height="14" rx="3" />
    <path d="M10 10.5a2 2 0 1 0 0 3M17 10.5a2 2 0 1 0 0 3" />
    {off ? slash : <g />}
  </Icon>
);

export const TranscriptIcon = (): JSX.Element => (
  <Icon>
    <path d="M5 4h14v12H10l-5 4z" />
    <path d="M9 8.5h6M9 12h4" />
  </Icon>
);

export const HangUpIcon = (): JSX.Element => (
  <Icon>
    <path d="M4.5 15.5c-1.6-1.4-1.6-3 0-4.3 4.3-3.6 10.700-3.6 15 0 1.600 1.300 1.600 2.900 0 4.300-.6.500-1.400.5-2 .1l-1.900-1.300c-.500-.4-.8-1-.7-1.600l.1-1.200a11 11 0 0 0-6 0l.1 1.200c.1.600-.2 1.200-.7 1.600l-1.900 1.300c-.6.400-1.400.4-2-.1z" />
  </Icon>
);

export const HelpIcon = (): JSX.Element => (
  <Icon>
    <circle cx="12" cy="12" r="9" />
    <path d="M9.500 9.500a2.500 2.500 0 1 1 3.600 2.200c-.800.4-1.100 1-1.100 1.800M12 16.500v.1" />
  </Icon>
);

export const SendIcon = (): JSX.Element => (
  <Icon>
    <path d="M5 12h13M12.500 6l6 6-6 6" />
  </Icon>
);

export const CloseIcon = (): JSX.Element => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);

export const ThemeIcon = (): JSX.Element => (
  <Icon>
    <circle cx="12" cy="12" r="8.500" />
    <path d="M12 3.500v17a8.500 8.500 0 0 0 0-17z" fill="currentColor" stroke="none" />
  </Icon>
);

/** Three bars for the quality of the connection. */
export function BarsIcon({ bars }: { bars: 0 | 1 | 2 | 3 }): JSX.Element {
  return (
    <svg viewBox="0 0 18 14" width="18" height="14" aria-hidden="true">
      {[0, 1, 2].map((i) => (
        <rect key={i} x={i * 6} y={9 - i * 4} width="4" height={5 + i * 4} rx="1.200" fill="currentColor" opacity={i < bars ? 1 : 0.28} />
      ))}
    </svg>
  );
}
