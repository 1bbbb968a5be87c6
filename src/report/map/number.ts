/** Numbers as people read them. */

/** 1234567 as 1,234,567. */
export function formatNumber(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function formatCount(value: number, what: string): string {
  return `${formatNumber(value)} ${what}${value === 1 ? '' : 's'}`;
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit + 1 < units.length; unit++) value /= 1024;
  return `${Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0))} ${units[unit]}`;
}
