/** Starts the page: what this viewer keeps is read first, so that the first picture is already in the right light. */
import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { settings } from './state/settings.svelte.ts';

await settings.load();
mount(App, { target: document.body });
