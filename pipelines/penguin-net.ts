import { definePipeline } from '../contracts/pipeline.js';
import penguins from './penguins.js';

/** The penguins again, by a network of one's own: `models/penguin-net.ts` says which layers there are. */
export default definePipeline({
  ...penguins,
  name: 'penguin-net',
  description: 'The species of a penguin by a network that is defined beside the pipeline',
  model: { module: './models/penguin-net.ts', units: 16 },
});
