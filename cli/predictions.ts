import { extname, resolve } from 'node:path';
import { pipelineName } from '../contracts/pipeline/scalars.js';
import { epochMs, resolveWindow, windowTime } from '../contracts/pipeline/window.js';
import type { LoggedPart } from '../contracts/prediction-log.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { usageError } from './command-error.js';
import { csvCell } from './csv-cell.js';
import { count, printJson, printLine, printNote, table, timestamp } from './output.js';
import { loggedParts, type PredictionFilter } from './predictions/logged-parts.js';
import { copyRows, loggedColumns, type LoggedRow, newestRows, predictedFirst } from './predictions/logged-rows.js';
import { writeOutputFile } from './output-file.js';
import { rowFileFormats } from './row-file-formats.js';
import { commandSettings } from './settings.js';

export interface PredictionsOptions {
  readonly since?: string;
  readonly until?: string;
  readonly modelVersion?: string;
  readonly requestId?: string;
  /** `true`: the score that a policy has by default. */
  readonly anomalous?: number | true;
  readonly degraded?: boolean;
  readonly limit?: number;
  readonly format: string;
  readonly output?: string;
  readonly json?: boolean;
}

const forms = ['table', 'csv', 'jsonl'];
const shownRows = 20;
/** More would not fit on a line. */
const shownColumns = 14;
const anomalousFrom = 0.999;

/**
 * `anneal predictions`: what the inference hosts have logged of a model's predictions, by the store's index of their Parquet parts.
 *
 * @throws CommandError when nothing is logged of the model, or an option makes no sense
 */
export async function predictions(model: string, options: PredictionsOptions): Promise<void> {
  const { format, output, json } = options;
  if (!forms.includes(format)) throw usageError(`"${format}" is not a way to show predictions. Give --format ${forms.join('|')}.`);
  const fileFormat = output === undefined ? undefined : rowFileFormats[extname(output).toLowerCase()];
  if (output !== undefined && fileFormat === undefined)
    throw usageError(`Predictions cannot be written as "${output}". End its name in ${Object.keys(rowFileFormats).join(', ')}.`);
  if (!pipelineName.safeParse(model).success)
    throw usageError(
      `"${model}" is not the name of a model. Names have lower-case letters, digits and hyphens; "anneal models" lists them.`,
    );
  const filter = filterOf(options, Date.now());
  const settings = commandSettings();
  const store = await openArtifactStore(settings);
  const parts = await loggedParts(store, model, settings.artifactStore ?? settings.artifacts);
  const { withDataSession } = await import('../ml/data/duckdb-session.js');
  await withDataSession({ scratchRoot: `${settings.home}/scratch` }, async (session) => {
    if (output !== undefined && fileFormat !== undefined) {
      const path = resolve(output);
      const limit = options.limit === undefined ? {} : { limit: options.limit };
      const rows = await writeOutputFile(path, (temporary) =>
        copyRows(session, store, parts, filter, { path: temporary, format: fileFormat, ...limit }),
      );
      if (json) printJson({ model, path, rows });
      else printLine(`${count(rows)} row${rows === 1 ? '' : 's'} in ${path}.${rows === 0 ? ` ${nothingFound(parts)}` : ''}`);
      return;
    }
    const rows = await newestRows(session, store, parts, filter, options.limit ?? shownRows);
    if (json) return printJson({ model, rows });
    if (rows.length === 0 && format === 'csv') printLine((await loggedColumns(session, store, parts)).map(csvCell).join(','));
    show(rows, format);
    if (rows.length === 0) printNote(nothingFound(parts));
    else if (rows.length === (options.limit ?? shownRows) && format === 'table')
      printNote(`The newest ${count(rows.length)} are shown; --limit shows more, --output <file> writes all.`);
  });
}

function filterOf({ since, until, modelVersion, requestId, anomalous, degraded }: PredictionsOptions, nowMs: number): PredictionFilter {
  const [sinceMs, untilMs] = [timeOf('--since', since, nowMs), timeOf('--until', until, nowMs)];
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs)
    throw usageError(`There is no time between --since ${since} and --until ${until}: give a --since that is before --until.`);
  return {
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(modelVersion === undefined ? {} : { version: modelVersion }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(anomalous === undefined ? {} : { anomaly: anomalous === true ? { from: anomalousFrom } : anomalous }),
    ...(degraded ? { degraded } : {}),
  };
}

function timeOf(flag: string, text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  // How long ago, also without the sign that a window of a source has.
  const time = windowTime.safeParse(text.replace(/^\d+[smhdw]$/, '-$&'));
  if (!time.success)
    throw usageError(
      `${flag} "${text}" is no time. Give an ISO 8601 date or date-time in UTC, or how long ago: 30m, 1h, 7d (s, m, h, d, w).`,
    );
  return epochMs(resolveWindow({ column: 'time', since: time.data }, nowMs).since!);
}

function nothingFound(parts: readonly LoggedPart[]): string {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const [from, until] = [Math.min(...parts.map(({ fromMs }) => fromMs)), Math.max(...parts.map(({ untilMs }) => untilMs))];
  const versions = [...new Set(parts.map(({ version }) => version))].sort((a, b) => Number(a) - Number(b));
  const none = rows === 1 ? 'The one logged row does not fit' : `None of the ${count(rows)} logged rows fits`;
  return `${none} (${timestamp(from)} to ${timestamp(until)} UTC, version${versions.length === 1 ? '' : 's'} ${versions.join(', ')}). What was answered in the last half minute may not be in the log yet.`;
}

function show(rows: readonly LoggedRow[], format: string): void {
  const names = predictedFirst([...new Set(rows.flatMap(Object.keys))], (name) => name);
  if (format === 'jsonl') for (const row of rows) printJson(row);
  if (format === 'csv' && rows.length > 0) {
    printLine(names.map(csvCell).join(','));
    for (const row of rows) printLine(names.map((name) => csvCell(text(row[name]))).join(','));
  }
  if (format !== 'table' || rows.length === 0) return;
  // What is so in no row, and what each row says alike, need no column.
  const said = names.filter((name) => name !== 'model' && rows.some((row) => (row[name] ?? null) !== null));
  const shown = said.slice(0, shownColumns);
  const cells = rows.map((row) => shown.map((name) => cell(name, row[name])));
  for (const line of table(shown.map(heading), cells)) printLine(line);
  if (said.length > shown.length) printNote(`${said.length - shown.length} more columns: --format csv or jsonl shows them.`);
}

function heading(name: string): string {
  if (name === 'time') return 'TIME (UTC)';
  return name === 'latency_ms'
    ? 'MS'
    : name
        .replace(/^input_/, '')
        .replaceAll('_', ' ')
        .toUpperCase();
}

function cell(name: string, value: LoggedRow[string] | undefined): string {
  if (name === 'time') return String(value).slice(0, 23).replace('T', ' ');
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(5)));
  return text(value).replaceAll(/\s+/g, ' ').slice(0, 60);
}

function text(value: LoggedRow[string] | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}
