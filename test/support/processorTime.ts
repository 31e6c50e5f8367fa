/** Starts to measure. Returns the processor time of this process since then, in milliseconds: other load does not change it. */
export function measureProcessor(): () => number {
  const began = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  };
}
