import { renameSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * Keeps what passed and failed in the file `ANNEAL_TEST_RESULTS`, test file by test file, so that a run which dies on its way has told
 * how far it came: `{ passed, failed, failures, ended }`, `failures` with the names of the tests. Files that could not run count as one.
 */
export default class SummaryReporter {
  /** @param {import('@jest/types').Config.GlobalConfig} config */
  constructor({ rootDir }) {
    this.rootDir = rootDir;
    this.file = process.env.ANNEAL_TEST_RESULTS;
  }

  onTestResult(_test, _result, results) {
    this.#write(results, false);
  }

  onRunComplete(_contexts, results) {
    this.#write(results, true);
  }

  #write({ numPassedTests, numFailedTests, numRuntimeErrorTestSuites, testResults }, ended) {
    const failures = testResults.flatMap(({ testFilePath, testResults: tests, testExecError }) => {
      const file = relative(this.rootDir, testFilePath);
      const names = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => `${file}: ${fullName}`);
      return testExecError ? [...names, `${file}: could not run`] : names;
    });
    const results = { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites, failures, ended };
    writeFileSync(`${this.file}.part`, JSON.stringify(results));
    renameSync(`${this.file}.part`, this.file);
  }
}
