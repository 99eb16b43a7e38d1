-- How many people or devices there are in how many hours: without it the planner takes a tenth of the rows for the number of
-- groups, and sums a whole month where the first ten thousand groups are asked for.
CREATE STATISTICS aperture.rollup_hour_by_login (ndistinct) ON hour, login FROM aperture.rollup_hour;
CREATE STATISTICS aperture.rollup_hour_by_node (ndistinct) ON hour, node_id FROM aperture.rollup_hour;
