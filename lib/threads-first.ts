// The entry point `millrace/threads`: just enough to start an engine's threads before the rest of
// Millrace is loaded.

export { EngineThreads } from './api/engine-threads';
