/** The header that has the `after` of the next page; missing with the last page. */
export const NEXT_HEADER = 'niwa-next';
