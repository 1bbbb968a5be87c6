/** Our version; the bundler puts package.json's in. */
declare const XFSKIT_VERSION: string | undefined;

export const version: string = typeof XFSKIT_VERSION === 'undefined' ? 'development' : XFSKIT_VERSION;
