/** DuckDB refuses a deviation whose squares overflow; values beyond are left out of mean and deviation. */
export const largestSquarable = '1e150';
