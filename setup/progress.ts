/** Told what a step does and how far it is: `progress('Temporal server', 'downloading, 40 of 138 MB')`. */
export type Progress = (step: string, detail: string) => void;

/** Lines on standard error, with the seconds since it was made. The same line is not said twice in a row. */
export function progressOnStderr(): Progress {
  const begun = performance.now();
  let last = '';
  return (step, detail) => {
    const line = `${step}: ${detail}`;
    if (line === last) return;
    last = line;
    const seconds = ((performance.now() - begun) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
}

/** Says nothing. */
export const silent: Progress = () => undefined;
