// `millrace/threads`: the little that is needed to boot an engine's threads before everything else,
// the rest of Millrace included, is loaded.

export { EngineThreads } from './api/engine-threads';
