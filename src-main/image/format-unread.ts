/** Formats of images that Winnow recognises and does not read: their files are listed as issues with the name of the format. */
import { ascii, brands, starts, startsWith, type FormatRecord } from './signature.ts';
import { inflatedHead } from './xml.ts';

/** JPEG-LS has the start of a JPEG, and its frame header is SOF55 (ISO 14495-1). Walks the segments before the frame. */
export function isJpegLs(head: Buffer): boolean {
  if (!starts(head, 0xff, 0xd8, 0xff)) return false;
  for (let at = 2; at + 4 <= head.length && head[at] === 0xff;) {
    const marker = head[at + 1];
    if (marker === 0xf7) return true;
    if (marker === 0xff) at++;
    else if ((marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4) || marker === 0xda) return false;
    else at += 2 + head.readUInt16BE(at + 2);
  }
  return false;
}

const isPcx = (head: Buffer) =>
  head.length >= 128 &&
  head[0] === 10 &&
  [0, 2, 3, 4, 5].includes(head[1]) &&
  head[2] === 1 &&
  [1, 2, 4, 8].includes(head[3]) &&
  head[64] === 0 &&
  [1, 3, 4].includes(head[65]);

/** NIfTI-1 and 2, and Analyze 7.5, whose header has the same size. */
function isNifti(head: Buffer): boolean {
  if (/^n[i+][12]\0/.test(ascii(head, 344, 348)) || /^n[i+]2\0/.test(ascii(head, 4, 8))) return true;
  const isHeader = head.length >= 348 && (head.readUInt32LE(0) === 348 || head.readUInt32BE(0) === 348);
  return isHeader && head[38] === 0x72;
}

/** A zip archive whose first entry is the file `mimetype`, uncompressed (OpenRaster, Krita). */
const zipOf = (head: Buffer, type: string) =>
  startsWith(head, 'PK\x03\x04') && ascii(head, 30, 38) === 'mimetype' && ascii(head, 38, 38 + type.length) === type;

/** Signatures that are the start of another one stand in `format.ts` before it, or exclude it here. */
export const unread = {
  fits: {
    title: 'FITS',
    decoder: null,
    extensions: ['fits', 'fts'],
    matches: (head) => startsWith(head, 'SIMPLE  ='),
  },
  jxr: {
    title: 'JPEG XR',
    decoder: null,
    extensions: ['jxr', 'wdp', 'hdp'],
    matches: (head) => starts(head, 0x49, 0x49, 0xbc),
  },
  jbig2: {
    title: 'JBIG2',
    decoder: null,
    extensions: ['jb2', 'jbig2'],
    matches: (head) => starts(head, 0x97, 0x4a, 0x42, 0x32, 0x0d, 0x0a, 0x1a, 0x0a),
  },
  pdf: { title: 'PDF', decoder: null, extensions: ['pdf'], matches: (head) => startsWith(head, '%PDF-') },
  postscript: {
    title: 'EPS',
    decoder: null,
    extensions: ['eps', 'epsf', 'epsi', 'ai'],
    matches: (head) => startsWith(head, '%!PS') || starts(head, 0xc5, 0xd0, 0xd3, 0xc6),
  },
  djvu: { title: 'DjVu', decoder: null, extensions: ['djvu', 'djv'], matches: (head) => startsWith(head, 'AT&TFORM') },
  bpg: { title: 'BPG', decoder: null, extensions: ['bpg'], matches: (head) => starts(head, 0x42, 0x50, 0x47, 0xfb) },
  flif: { title: 'FLIF', decoder: null, extensions: ['flif'], matches: (head) => startsWith(head, 'FLIF') },
  heif: {
    title: 'HEIF with AVC, JPEG or VVC',
    decoder: null,
    extensions: ['avci', 'avcs', 'heifs'],
    matches: (head) => /avc[is]|jpgs|j2ki|j2is|vvic|vvis|evbi|mif2/.test(brands(head)),
  },
  xcf: { title: 'GIMP XCF', decoder: null, extensions: ['xcf'], matches: (head) => startsWith(head, 'gimp xcf') },
  krita: {
    title: 'Krita',
    decoder: null,
    extensions: ['kra'],
    matches: (head) => zipOf(head, 'application/x-krita'),
  },
  ora: { title: 'OpenRaster', decoder: null, extensions: ['ora'], matches: (head) => zipOf(head, 'image/openraster') },
  psp: {
    title: 'PaintShop Pro',
    decoder: null,
    extensions: ['psp', 'pspimage'],
    matches: (head) => startsWith(head, 'Paint Shop Pro Image File'),
  },
  clip: { title: 'Clip Studio', decoder: null, extensions: [], matches: (head) => startsWith(head, 'CSFCHUNK') },
  affinity: {
    title: 'Affinity',
    decoder: null,
    extensions: ['afphoto', 'afdesign'],
    matches: (head) => starts(head, 0, 0xff, 0x4b, 0x41),
  },
  pcx: { title: 'PCX', decoder: null, extensions: ['pcx', 'dcx'], matches: isPcx },
  sgi: {
    title: 'SGI',
    decoder: null,
    extensions: ['sgi'],
    matches: (head) => starts(head, 0x01, 0xda) && head[2] <= 1 && (head[3] === 1 || head[3] === 2),
  },
  sun: {
    title: 'Sun raster',
    decoder: null,
    extensions: ['ras', 'sun'],
    matches: (head) => starts(head, 0x59, 0xa6, 0x6a, 0x95),
  },
  xbm: {
    title: 'XBM',
    decoder: null,
    extensions: ['xbm'],
    matches: (head) =>
      /^\s*(?:\/\*[^]*?\*\/\s*)?#define[ \t]+\w*width[ \t]+\d+\s+#define[ \t]+\w*height[ \t]/.test(
        ascii(head, 0, 1024),
      ),
  },
  xpm: {
    title: 'XPM',
    decoder: null,
    extensions: ['xpm'],
    matches: (head) => startsWith(head, '/* XPM */') || startsWith(head, '! XPM2'),
  },
  wbmp: { title: 'WBMP', decoder: null, extensions: ['wbmp'] },
  emf: {
    title: 'EMF',
    decoder: null,
    extensions: ['emf'],
    matches: (head) => starts(head, 1, 0, 0, 0) && ascii(head, 40, 44) === ' EMF',
  },
  wmf: {
    title: 'WMF',
    decoder: null,
    extensions: ['wmf'],
    matches: (head) => starts(head, 0xd7, 0xcd, 0xc6, 0x9a) || starts(head, 1, 0, 9, 0, 0, 3),
  },
  pict: {
    title: 'PICT',
    decoder: null,
    extensions: ['pict', 'pct'],
    matches: (head) => head.length > 526 && starts(head.subarray(522), 0, 0x11, 0x02, 0xff, 0x0c, 0),
  },
  icns: { title: 'ICNS', decoder: null, extensions: ['icns'], matches: (head) => startsWith(head, 'icns') },
  ilbm: {
    title: 'IFF ILBM',
    decoder: null,
    extensions: ['iff', 'lbm', 'ilbm'],
    matches: (head) => startsWith(head, 'FORM') && /^(?:ILBM|PBM |ACBM)$/.test(ascii(head, 8, 12)),
  },
  softimage: {
    title: 'Softimage PIC',
    decoder: null,
    extensions: [],
    matches: (head) => starts(head, 0x53, 0x80, 0xf6, 0x34),
  },
  photocd: {
    title: 'Photo CD',
    decoder: null,
    extensions: ['pcd'],
    matches: (head) => ascii(head, 2048, 2055) === 'PCD_IPI',
  },
  cdr: {
    title: 'CorelDRAW',
    decoder: null,
    extensions: ['cdr'],
    matches: (head) => startsWith(head, 'RIFF') && ascii(head, 8, 11) === 'CDR',
  },
  dpx: {
    title: 'DPX',
    decoder: null,
    extensions: ['dpx'],
    matches: (head) => startsWith(head, 'SDPX') || startsWith(head, 'XPDS'),
  },
  cineon: {
    title: 'Cineon',
    decoder: null,
    extensions: ['cin'],
    matches: (head) => starts(head, 0x80, 0x2a, 0x5f, 0xd7) || starts(head, 0xd7, 0x5f, 0x2a, 0x80),
  },
  ktx: {
    title: 'KTX',
    decoder: null,
    extensions: ['ktx', 'ktx2'],
    matches: (head) => starts(head, 0xab, 0x4b, 0x54, 0x58, 0x20),
  },
  astc: { title: 'ASTC', decoder: null, extensions: ['astc'], matches: (head) => starts(head, 0x13, 0xab, 0xa1, 0x5c) },
  pvr: { title: 'PVR', decoder: null, extensions: ['pvr'], matches: (head) => startsWith(head, 'PVR\x03') },
  vtf: { title: 'VTF', decoder: null, extensions: ['vtf'], matches: (head) => startsWith(head, 'VTF\0') },
  blp: { title: 'BLP', decoder: null, extensions: ['blp'], matches: (head) => /^BLP[12]/.test(ascii(head, 0, 4)) },
  mng: {
    title: 'MNG and JNG',
    decoder: null,
    extensions: ['mng', 'jng'],
    matches: (head) => starts(head, 0x8a, 0x4d, 0x4e, 0x47) || starts(head, 0x8b, 0x4a, 0x4e, 0x47),
  },
  nifti: {
    title: 'NIfTI',
    decoder: null,
    extensions: ['nii', 'nii.gz'],
    matches: (head) => isNifti(head) || isNifti(inflatedHead(head)),
  },
  nrrd: { title: 'NRRD', decoder: null, extensions: ['nrrd', 'nhdr'], matches: (head) => startsWith(head, 'NRRD000') },
  metaimage: {
    title: 'MetaImage',
    decoder: null,
    extensions: ['mha', 'mhd'],
    matches: (head) =>
      /^(?:\w+\s*=.*\r?\n)*?(?:NDims|ElementType)\s*=/.test(ascii(head, 0, 1024)) &&
      /ObjectType\s*=\s*Image/.test(ascii(head, 0, 1024)),
  },
  mrc: {
    title: 'MRC',
    decoder: null,
    extensions: ['mrc', 'mrcs'],
    matches: (head) => ascii(head, 208, 212) === 'MAP ',
  },
  dm: {
    title: 'Gatan DM',
    decoder: null,
    extensions: ['dm3', 'dm4'],
    matches: (head) =>
      starts(head, 0, 0, 0, 3)
        ? starts(head.subarray(8), 0, 0, 0, 1, 1)
        : starts(head, 0, 0, 0, 4) && starts(head.subarray(12), 0, 0, 0, 1, 1),
  },
  czi: { title: 'CZI', decoder: null, extensions: ['czi'], matches: (head) => startsWith(head, 'ZISRAWFILE') },
  lif: {
    title: 'LIF',
    decoder: null,
    extensions: ['lif'],
    matches: (head) => starts(head, 0x70, 0, 0, 0) && head[8] === 0x2a,
  },
  nd2: { title: 'ND2', decoder: null, extensions: ['nd2'], matches: (head) => starts(head, 0xda, 0xce, 0xbe, 0x0a) },
  mirax: { title: 'MIRAX', decoder: null, extensions: ['mrxs'], isIndex: true },
  vsi: { title: 'CellSens VSI', decoder: null, extensions: ['vsi'], isIndex: true },
  ecw: { title: 'ECW', decoder: null, extensions: ['ecw'] },
  mrsid: { title: 'MrSID', decoder: null, extensions: ['sid'], matches: (head) => startsWith(head, 'msid') },
} as const satisfies Record<string, FormatRecord>;
