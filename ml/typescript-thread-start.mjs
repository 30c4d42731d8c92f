/** First module of a thread: makes TypeScript loadable, then imports the module that the thread is for. */
import { register } from 'tsx/esm/api';

register();
await import(process.argv[2]);
