import { answerJobs } from '../child/answer-jobs.js';
import { evaluateModel } from './evaluate-model.js';

/* The process of one evaluation; started by `evaluateInChild`. */

answerJobs(evaluateModel);
