import { render } from 'preact';
import { App } from './app';
import { leave } from './call/session';
import './styles.css';
import { applyTheme } from './ui/theme';

applyTheme();
const root = document.getElementById('app');
if (root) render(<App />, root);
addEventListener('pagehide', leave);
