import { answerJobs } from '../child/answer-jobs.js';
import { runExportJob } from './run-export-job.js';

/* The process of one export; started by `exportInChild`. */

answerJobs(runExportJob);
