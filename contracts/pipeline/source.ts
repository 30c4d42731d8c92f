import { z } from 'zod';

export const sourceSpec = z.strictObject({
  format: z.enum(['parquet', 'csv', 'json']),
  /**
   * Where the data are: a file path (the command takes a relative one from the folder where it is called), `file://…`, or
   * `npm:<package>/<path>` for a file that an installed npm package ships.
   */
  uri: z.string().min(1),
});

export type SourceSpec = z.output<typeof sourceSpec>;
