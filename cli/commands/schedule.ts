import type { Command } from 'commander';
import { collect } from '../option-values.js';
import type { ScheduleCreateOptions } from '../schedule.js';

interface JsonOption {
  readonly json?: boolean;
}

const changes = {
  pause: 'stop a schedule from starting runs until it is resumed',
  resume: 'let a paused schedule start runs again',
  trigger: 'start a run now, beside the schedule; skipped while one of its runs is under way',
  delete: 'remove a schedule; its runs stay',
} as const;

export function registerSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('retrain at fixed times (Temporal Schedules); a run is skipped while the one before it is under way')
    .addHelpText(
      'after',
      `
Examples:
  anneal schedule create flight-delay --cron "0 3 * * MON"
  anneal schedule create flight-delay --every 12h --set training.epochs=3
  anneal schedule list
  anneal schedule pause flight-delay`,
    );
  schedule
    .command('create')
    .description('run a pipeline at fixed times')
    .argument('<pipeline>', 'name of a file in pipelines/, or the path of a file')
    .option('--cron <expression>', 'five fields, in UTC unless --timezone is given; may be given several times', collect)
    .option('--every <duration>', 'for example 30m, 12h or 7d')
    .option('--timezone <name>', 'time zone of --cron, for example Europe/Berlin')
    .option('-s, --set <path=value>', 'replace a value of the definition; may be given several times', collect)
    .option('--json', 'print the schedule as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  anneal schedule create flight-delay --cron "0 3 * * *"\n  anneal schedule create flight-delay --every 6h',
    )
    .action(async (pipeline: string, options: ScheduleCreateOptions) => {
      const { createSchedule } = await import('../schedule.js');
      await createSchedule(pipeline, options);
    });
  schedule
    .command('list')
    .description('list the schedules')
    .option('--json', 'print {"schedules": […]}')
    .addHelpText('after', '\nExample:\n  anneal schedule list --json')
    .action(async (options: JsonOption) => {
      const { listSchedules } = await import('../schedule.js');
      await listSchedules(options);
    });
  for (const [change, description] of Object.entries(changes) as [keyof typeof changes, string][]) {
    schedule
      .command(change)
      .description(description)
      .argument('<pipeline>', "the pipeline's name")
      .option('--json', 'print the change as one JSON object')
      .addHelpText('after', `\nExample:\n  anneal schedule ${change} flight-delay`)
      .action(async (pipeline: string, options: JsonOption) => {
        const { changeSchedule } = await import('../schedule.js');
        await changeSchedule(pipeline, change, options);
      });
  }
}
