/** Starts the page. Settings are read first, so that the first paint has the right theme. */
import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './app.css';
import { mount } from 'svelte';
import { records } from './actions/index.ts';
import { register } from './actions/registry.ts';
import App from './App.svelte';
import { places } from './places/index.ts';
import { app } from './state/app.svelte.ts';
import { settings } from './state/settings.svelte.ts';

register(records);
app.places = places;
await settings.load();
mount(App, { target: document.body });
